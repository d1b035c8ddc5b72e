-- The values of device_orders at the end of what is known, made of what is published.
-- Written by `slate compile` from DeviceOrders: change the definition, not this.

{{ config(materialized='view') }}

with published as (
    select *
    from {{ ref('device_orders_online_keys') }} as numbered
    left join {{ ref('device_orders_online_tiles') }} as tiles using (row)
),

merged as (
    select
        device_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(orders__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as orders_10m__n,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(spend__sum) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as spend_1h__sum,
        sum(spend__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as spend_1d__sum,
        flatten(list(accounts__codes) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)) as accounts_1h__codes,
        flatten(list(accounts__codes) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)) as accounts_1d__codes,
        flatten(list(accounts__codes) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)) as accounts_30d__codes,
        flatten(list(addresses__codes) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)) as addresses_1d__codes
    from published
    group by row, device_id
),

pooled as (
    select device_id,
        event_ts,
        as_of,
        orders_10m__n,
        orders_1h__n,
        orders_1d__n,
        spend_1h__sum,
        spend_1d__sum,
        accounts_1h__codes,
        accounts_1d__codes,
        accounts_30d__codes,
        addresses_1d__codes
    from merged
),

accounts_1h__counted as (
    select device_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as accounts_1h__counted
    from (
        select device_id, entry.code, sum(entry.n) as n
        from (select device_id, unnest(accounts_1h__codes) as entry from pooled)
        group by device_id, entry.code
        qualify row_number() over (partition by device_id order by entry.code) <= 257
    )
    group by device_id
),

accounts_1d__counted as (
    select device_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as accounts_1d__counted
    from (
        select device_id, entry.code, sum(entry.n) as n
        from (select device_id, unnest(accounts_1d__codes) as entry from pooled)
        group by device_id, entry.code
        qualify row_number() over (partition by device_id order by entry.code) <= 257
    )
    group by device_id
),

accounts_30d__counted as (
    select device_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as accounts_30d__counted
    from (
        select device_id, entry.code, sum(entry.n) as n
        from (select device_id, unnest(accounts_30d__codes) as entry from pooled)
        group by device_id, entry.code
        qualify row_number() over (partition by device_id order by entry.code) <= 257
    )
    group by device_id
),

addresses_1d__counted as (
    select device_id, case when count(*) < 257 then count(*) else cast(floor(2.3611832414348226e+21 / max(code)) as bigint) end as addresses_1d__counted
    from (
        select device_id, entry.code, sum(entry.n) as n
        from (select device_id, unnest(addresses_1d__codes) as entry from pooled)
        group by device_id, entry.code
        qualify row_number() over (partition by device_id order by entry.code) <= 257
    )
    group by device_id
),

final as (
    select
        device_id,
        event_ts,
        as_of,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(spend_1h__sum, 0) as double) as spend_1h,
        cast(coalesce(spend_1d__sum, 0) as double) as spend_1d,
        coalesce(accounts_1h__counted, 0) as accounts_1h,
        coalesce(accounts_1d__counted, 0) as accounts_1d,
        coalesce(accounts_30d__counted, 0) as accounts_30d,
        coalesce(addresses_1d__counted, 0) as addresses_1d
    from pooled
    left join accounts_1h__counted using (device_id)
    left join accounts_1d__counted using (device_id)
    left join accounts_30d__counted using (device_id)
    left join addresses_1d__counted using (device_id)
)

select * from final
