-- A depot as of each change.

select
    depot,
    event_ts,
    received_at,
    change_id as row_id,
    crew,
    shift_start
from {{ ref('stg_depot_changes') }}
