-- The values of viewer_orders at the end of what is known, made of what is published.
-- Written by `slate compile` from ViewerOrders: change the definition, not this.

{{ config(materialized='view') }}

with published as (
    select *
    from {{ ref('viewer_orders_online_keys') }} as numbered
    left join {{ ref('viewer_orders_online_tiles') }} as tiles using (row)
),

merged as (
    select
        viewer_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(orders__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as orders_10m__n,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(orders__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as orders_30d__n,
        sum(spend__sum) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as spend_1h__sum,
        sum(spend__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as spend_1d__sum,
        sum(spend__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as spend_30d__sum,
        sum(usual_price__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__sum,
        max(highest_price__max) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as highest_price_30d__max,
        flatten(list(sellers__codes) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)) as sellers_1h__codes,
        flatten(list(sellers__codes) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)) as sellers_30d__codes,
        flatten(list(devices__codes) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)) as devices_1d__codes,
        flatten(list(devices__codes) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)) as devices_30d__codes,
        flatten(list(addresses__codes) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)) as addresses_1d__codes,
        flatten(list(addresses__codes) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)) as addresses_30d__codes,
        min(first_order__first) filter (where hop = 400000000000 and tile >= {{ hop_number('as_of', 400000000000) }} - 1) as first_order_forever__first,
        any_value(last_address__last) as last_address__last
    from published
    group by row, viewer_id
),

pooled as (
    select viewer_id,
        event_ts,
        as_of,
        orders_10m__n,
        orders_1h__n,
        orders_1d__n,
        orders_30d__n,
        spend_1h__sum,
        spend_1d__sum,
        spend_30d__sum,
        usual_price_30d__n,
        usual_price_30d__sum,
        highest_price_30d__max,
        sellers_1h__codes,
        sellers_30d__codes,
        devices_1d__codes,
        devices_30d__codes,
        addresses_1d__codes,
        addresses_30d__codes,
        first_order_forever__first,
        last_address__last
    from merged
),

sellers_1h__counted as (
    select viewer_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as sellers_1h__counted
    from (
        select viewer_id, entry.code, sum(entry.n) as n
        from (select viewer_id, unnest(sellers_1h__codes) as entry from pooled)
        group by viewer_id, entry.code
        qualify row_number() over (partition by viewer_id order by entry.code) <= 257
    )
    group by viewer_id
),

sellers_30d__counted as (
    select viewer_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as sellers_30d__counted
    from (
        select viewer_id, entry.code, sum(entry.n) as n
        from (select viewer_id, unnest(sellers_30d__codes) as entry from pooled)
        group by viewer_id, entry.code
        qualify row_number() over (partition by viewer_id order by entry.code) <= 257
    )
    group by viewer_id
),

devices_1d__counted as (
    select viewer_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as devices_1d__counted
    from (
        select viewer_id, entry.code, sum(entry.n) as n
        from (select viewer_id, unnest(devices_1d__codes) as entry from pooled)
        group by viewer_id, entry.code
        qualify row_number() over (partition by viewer_id order by entry.code) <= 257
    )
    group by viewer_id
),

devices_30d__counted as (
    select viewer_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as devices_30d__counted
    from (
        select viewer_id, entry.code, sum(entry.n) as n
        from (select viewer_id, unnest(devices_30d__codes) as entry from pooled)
        group by viewer_id, entry.code
        qualify row_number() over (partition by viewer_id order by entry.code) <= 257
    )
    group by viewer_id
),

addresses_1d__counted as (
    select viewer_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as addresses_1d__counted
    from (
        select viewer_id, entry.code, sum(entry.n) as n
        from (select viewer_id, unnest(addresses_1d__codes) as entry from pooled)
        group by viewer_id, entry.code
        qualify row_number() over (partition by viewer_id order by entry.code) <= 257
    )
    group by viewer_id
),

addresses_30d__counted as (
    select viewer_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as addresses_30d__counted
    from (
        select viewer_id, entry.code, sum(entry.n) as n
        from (select viewer_id, unnest(addresses_30d__codes) as entry from pooled)
        group by viewer_id, entry.code
        qualify row_number() over (partition by viewer_id order by entry.code) <= 257
    )
    group by viewer_id
),

final as (
    select
        viewer_id,
        event_ts,
        as_of,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(spend_1h__sum, 0) as double) as spend_1h,
        cast(coalesce(spend_1d__sum, 0) as double) as spend_1d,
        cast(coalesce(spend_30d__sum, 0) as double) as spend_30d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d,
        highest_price_30d__max as highest_price_30d,
        coalesce(sellers_1h__counted, 0) as sellers_1h,
        coalesce(sellers_30d__counted, 0) as sellers_30d,
        coalesce(devices_1d__counted, 0) as devices_1d,
        coalesce(devices_30d__counted, 0) as devices_30d,
        coalesce(addresses_1d__counted, 0) as addresses_1d,
        coalesce(addresses_30d__counted, 0) as addresses_30d,
        first_order_forever__first.value as first_order_forever,
        last_address__last.value as last_address
    from pooled
    left join sellers_1h__counted using (viewer_id)
    left join sellers_30d__counted using (viewer_id)
    left join devices_1d__counted using (viewer_id)
    left join devices_30d__counted using (viewer_id)
    left join addresses_1d__counted using (viewer_id)
    left join addresses_30d__counted using (viewer_id)
)

select * from final
