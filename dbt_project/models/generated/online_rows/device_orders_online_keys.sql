-- The keys of device_orders as they are published, each with its number.
-- Written by `slate compile` from DeviceOrders: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('device_orders_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'device_orders_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

final as (
    select
        row_number() over (order by device_id) - 1 as row,
        device_id,
        max(latest_event_ts) as event_ts,
        any_value(as_of) as as_of
    from known
    where hop = 86400
    group by device_id
)

select * from final
order by row
