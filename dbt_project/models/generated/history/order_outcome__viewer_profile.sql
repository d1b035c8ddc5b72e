-- The values of viewer_profile at the instants that order_risk_v1 asks about.
-- Written by `slate compile` from ViewerProfile and FeatureService('order_risk', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        spine.viewer_id,
        spine.event_ts as asked_at
    from {{ ref('stg_order_outcomes') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
),

history as (
    select
        viewer_id,
        received_at,
        -- Of what had arrived by then, the row of the latest event time.
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, country: country, signed_up_at: signed_up_at}) over (
            partition by viewer_id
            order by received_at
            range between unbounded preceding and current row
        ) as latest
    from {{ ref('viewer_profile') }}
    where viewer_id in (select viewer_id from asked)
),

final as (
    select
        asked.viewer_id,
        asked.asked_at,
        coalesce(latest.country, 'unknown') as country,
        latest.signed_up_at as signed_up_at
    from asked
    asof left join history
        on asked.viewer_id = history.viewer_id
        and asked.asked_at > history.received_at
)

select * from final
