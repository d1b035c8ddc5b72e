-- The training rows of show_quality_v1: its spine, with each stored feature as of then.
-- Written by `slate compile` from FeatureService('show_quality', version=1): change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='received_at',
    on_schema_change='fail',
    alias='show_quality_v1'
) }}

with final as (
    select
        spine.impression_id,
        spine.event_ts,
        spine.received_at,
        spine.request_id,
        spine.viewer_id,
        spine.show_id,
        spine.position,
        spine.device,
        spine.tapped,
        spine.purchased,
        spine.watch_seconds,
        coalesce(show_activity.views_10m, 0) as "show_activity.views_10m",
        coalesce(show_activity.views_1h, 0) as "show_activity.views_1h",
        coalesce(show_activity.views_1d, 0) as "show_activity.views_1d",
        coalesce(show_activity.orders_10m, 0) as "show_activity.orders_10m",
        coalesce(show_activity.orders_1h, 0) as "show_activity.orders_1h",
        coalesce(show_activity.orders_1d, 0) as "show_activity.orders_1d",
        show_catalog.seller_id as "show_catalog.seller_id",
        coalesce(show_catalog.category, 'other') as "show_catalog.category",
        show_catalog.start_price as "show_catalog.start_price",
        show_catalog.started_at as "show_catalog.started_at",
        seller_profile.rating as "seller_profile.rating",
        coalesce(seller_stats.taps_30d, 0) as "seller_stats.taps_30d",
        coalesce(seller_stats.orders_1h, 0) as "seller_stats.orders_1h",
        coalesce(seller_stats.orders_1d, 0) as "seller_stats.orders_1d",
        coalesce(seller_stats.orders_30d, 0) as "seller_stats.orders_30d"
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('impression__show_activity') }} as show_activity
        on show_activity.show_id = spine.show_id
        and show_activity.asked_at = spine.event_ts
    left join {{ ref('impression__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    left join {{ ref('impression__seller_profile__by_show_catalog_seller_id') }} as seller_profile
        on seller_profile.seller_id = show_catalog.seller_id
        and seller_profile.asked_at = spine.event_ts
    left join {{ ref('impression__seller_stats__by_show_catalog_seller_id') }} as seller_stats
        on seller_stats.seller_id = show_catalog.seller_id
        and seller_stats.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        -- What is asked about later waits until all that it may need is known.
        and spine.event_ts <= (select as_of from {{ ref('as_of') }} where model = 'show_quality_v1')
)

select * from final
