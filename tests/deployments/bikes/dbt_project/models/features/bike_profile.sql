-- A bike as of each change.

select
    bike_id,
    event_ts,
    received_at,
    change_id as row_id,
    station_id,
    electric,
    frame,
    serviced_at
from {{ ref('stg_bike_changes') }}
