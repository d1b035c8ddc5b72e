-- The values of seller_profile at the end of what is known.
-- Written by `slate compile` from SellerProfile: change the definition, not this.

{{ config(materialized='table') }}

with latest as (
    select
        seller_id,
        any_value(as_of.as_of) as as_of,
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, country: country, joined_at: joined_at, rating: rating, verified: verified, followers: followers}) as latest
    from {{ ref('seller_profile') }} as history
    cross join (select as_of from {{ ref('as_of') }} where model = 'seller_profile_current') as as_of
    where history.received_at < as_of.as_of
    group by seller_id
),

final as (
    select
        seller_id,
        latest.event_ts as event_ts,
        as_of,
        coalesce(latest.country, 'unknown') as country,
        latest.joined_at as joined_at,
        nullif(cast(latest.rating as double), cast('nan' as double)) as rating,
        coalesce(latest.verified, false) as verified,
        coalesce(latest.followers, 0) as followers
    from latest
)

select * from final
