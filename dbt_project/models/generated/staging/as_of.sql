-- Written by `slate compile` from the sources: change the definition, not this.

{{ config(materialized='table') }}

with clock as (
    select known_until from {{ source('raw', 'clock') }}
),

known as (
    select max(hour) + interval '1 hour' as instant
    from {{ source('raw', 'files') }}
    where source in ('event', 'seller_account_change', 'show_listing_change', 'viewer_account_change')
        and hour < (select known_until from clock)
)

select cast(max(instant) as timestamp) as as_of
from known
