-- A show as its seller listed it, as of each change.

select
    show_id,
    event_ts,
    received_at,
    change_id as row_id,
    seller_id,
    category,
    language,
    status,
    start_price,
    scheduled_at,
    started_at,
    ended_at
from {{ ref('stg_show_listings') }}
