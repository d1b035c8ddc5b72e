-- A seller's account as of each change.

select
    seller_id,
    event_ts,
    received_at,
    change_id as row_id,
    country,
    joined_at,
    rating,
    verified,
    followers
from {{ ref('stg_seller_accounts') }}
