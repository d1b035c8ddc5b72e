-- The values of show_catalog at the instants that feed_ranking_v1 and show_quality_v1 ask about.
-- Written by `slate compile` from ShowCatalog and FeatureService('feed_ranking', version=1) and FeatureService('show_quality', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        spine.show_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.show_id is not null
),

history as (
    select
        show_id,
        received_at,
        -- Of what had arrived by then, the row of the latest event time.
        max({event_ts: least(event_ts, received_at), received_at: received_at, row_id: row_id, seller_id: seller_id, category: category, language: language, status: status, start_price: start_price, scheduled_at: scheduled_at, started_at: started_at}) over (
            partition by show_id
            order by received_at
            range between unbounded preceding and current row
        ) as latest
    from {{ ref('show_catalog') }}
    where show_id in (select show_id from asked)
),

final as (
    select
        asked.show_id,
        asked.asked_at,
        latest.seller_id as seller_id,
        coalesce(latest.category, 'other') as category,
        coalesce(latest.language, 'unknown') as language,
        coalesce(latest.status, 'scheduled') as status,
        nullif(cast(latest.start_price as double), cast('nan' as double)) as start_price,
        latest.scheduled_at as scheduled_at,
        latest.started_at as started_at
    from asked
    asof left join history
        on asked.show_id = history.show_id
        and asked.asked_at > history.received_at
)

select * from final
