-- The keys of show_activity as they are published, each with its number.
-- Written by `slate compile` from ShowActivity: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('show_activity_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'show_activity_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

final as (
    select
        row_number() over (order by show_id) - 1 as row,
        show_id,
        max(latest_event_ts) as event_ts,
        any_value(as_of) as as_of,
        max(last_price__last) as last_price__last,
        max(last_bid_at__last) as last_bid_at__last
    from known
    where hop = 3600
    group by show_id
)

select * from final
order by row
