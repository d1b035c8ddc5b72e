-- A membership as of each change.

select
    rider_id,
    event_ts,
    received_at,
    change_id as row_id,
    plan,
    trips,
    joined_at,
    rating,
    favourite
from {{ ref('stg_rider_changes') }}
