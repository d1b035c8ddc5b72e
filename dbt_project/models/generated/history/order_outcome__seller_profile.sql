-- The values of seller_profile at the instants that order_risk_v1 asks about.
-- Written by `slate compile` from SellerProfile and FeatureService('order_risk', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        spine.seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_order_outcomes') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.seller_id is not null
),

history as (
    select
        seller_id,
        received_at,
        -- Of what had arrived by then, the row of the latest event time.
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, country: country, joined_at: joined_at, rating: rating, verified: verified}) over (
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
        coalesce(latest.verified, false) as verified
    from asked
    asof left join history
        on asked.seller_id = history.seller_id
        and asked.asked_at > history.received_at
)

select * from final
