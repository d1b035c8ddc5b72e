-- A plane as of each entry of the register.
select
    tailnum,
    registered_at as event_ts,
    known_at as received_at,
    tailnum as row_id,
    cast(year as double) as built,
    engine,
    seats
from {{ ref('stg_planes') }}
