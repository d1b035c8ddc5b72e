-- The values of seller_profile at the instants that feed_ranking_v1 and show_quality_v1 ask about.
-- Written by `slate compile` from SellerProfile and FeatureService('feed_ranking', version=1) and FeatureService('show_quality', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        show_catalog.seller_id as seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('impression__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        and show_catalog.seller_id is not null
),

history as (
    select
        seller_id,
        received_at,
        -- Of what had arrived by then, the row of the latest event time.
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, country: country, joined_at: joined_at, rating: rating, verified: verified, followers: followers}) over (
            partition by seller_id
            order by received_at
            range between unbounded preceding and current row
        ) as latest
    from {{ ref('seller_profile') }}
    where seller_id in (select seller_id from asked)
),

final as (
    select
        asked.seller_id,
        asked.asked_at,
        coalesce(latest.country, 'unknown') as country,
        latest.joined_at as joined_at,
        nullif(cast(latest.rating as double), cast('nan' as double)) as rating,
        coalesce(latest.verified, false) as verified,
        coalesce(latest.followers, 0) as followers
    from asked
    asof left join history
        on asked.seller_id = history.seller_id
        and asked.asked_at > history.received_at
)

select * from final
