-- The keys of viewer_activity as they are published, each with its number.
-- Written by `slate compile` from ViewerActivity: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('viewer_activity_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'viewer_activity_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

final as (
    select
        row_number() over (order by viewer_id) - 1 as row,
        viewer_id,
        max(latest_event_ts) as event_ts,
        any_value(as_of) as as_of,
        max(last_show__last) as last_show__last,
        {{ latest_of('list(recent_shows__last)', 10) }} as recent_shows__last,
        max(last_category__last) as last_category__last,
        max(last_seen__last) as last_seen__last
    from known
    where hop = 86400
    group by viewer_id
)

select * from final
order by row
