-- The values of seller_orders at the end of what is known, made of what is published.
-- Written by `slate compile` from SellerOrders: change the definition, not this.

{{ config(materialized='view') }}

with published as (
    select *
    from {{ ref('seller_orders_online_keys') }} as numbered
    left join {{ ref('seller_orders_online_tiles') }} as tiles using (row)
),

merged as (
    select
        seller_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(orders__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as orders_10m__n,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        flatten(list(buyers__codes) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)) as buyers_1h__codes,
        flatten(list(buyers__codes) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)) as buyers_1d__codes,
        sum(usual_price__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__sum
    from published
    group by row, seller_id
),

pooled as (
    select seller_id,
        event_ts,
        as_of,
        orders_10m__n,
        orders_1h__n,
        orders_1d__n,
        buyers_1h__codes,
        buyers_1d__codes,
        usual_price_30d__n,
        usual_price_30d__sum
    from merged
),

buyers_1h__counted as (
    select seller_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as buyers_1h__counted
    from (
        select seller_id, entry.code, sum(entry.n) as n
        from (select seller_id, unnest(buyers_1h__codes) as entry from pooled)
        group by seller_id, entry.code
        qualify row_number() over (partition by seller_id order by entry.code) <= 257
    )
    group by seller_id
),

buyers_1d__counted as (
    select seller_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as buyers_1d__counted
    from (
        select seller_id, entry.code, sum(entry.n) as n
        from (select seller_id, unnest(buyers_1d__codes) as entry from pooled)
        group by seller_id, entry.code
        qualify row_number() over (partition by seller_id order by entry.code) <= 257
    )
    group by seller_id
),

final as (
    select
        seller_id,
        event_ts,
        as_of,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        coalesce(buyers_1h__counted, 0) as buyers_1h,
        coalesce(buyers_1d__counted, 0) as buyers_1d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d
    from pooled
    left join buyers_1h__counted using (seller_id)
    left join buyers_1d__counted using (seller_id)
)

select * from final
