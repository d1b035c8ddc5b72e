-- A viewer's account as of each change.

select
    viewer_id,
    event_ts,
    received_at,
    change_id as row_id,
    country,
    language,
    signed_up_at,
    interests,
    push_enabled
from {{ ref('stg_viewer_accounts') }}
