-- A station as of each change.

select
    station_id,
    event_ts,
    received_at,
    change_id as row_id,
    depot,
    docks,
    height,
    covered,
    opened_at
from {{ ref('stg_station_changes') }}
