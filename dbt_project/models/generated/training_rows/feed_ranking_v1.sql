-- The training rows of feed_ranking_v1: its spine, with each stored feature as of then.
-- Written by `slate compile` from FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='received_at',
    on_schema_change='fail',
    alias='feed_ranking_v1'
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
        coalesce(show_activity.taps_1m, 0) as "show_activity.taps_1m",
        coalesce(show_activity.taps_10m, 0) as "show_activity.taps_10m",
        coalesce(show_activity.taps_1h, 0) as "show_activity.taps_1h",
        coalesce(show_activity.taps_1d, 0) as "show_activity.taps_1d",
        coalesce(show_activity.chats_10m, 0) as "show_activity.chats_10m",
        coalesce(show_activity.chats_1h, 0) as "show_activity.chats_1h",
        coalesce(show_activity.bids_10m, 0) as "show_activity.bids_10m",
        coalesce(show_activity.bids_1h, 0) as "show_activity.bids_1h",
        coalesce(show_activity.bids_1d, 0) as "show_activity.bids_1d",
        coalesce(show_activity.orders_10m, 0) as "show_activity.orders_10m",
        coalesce(show_activity.orders_1h, 0) as "show_activity.orders_1h",
        coalesce(show_activity.orders_1d, 0) as "show_activity.orders_1d",
        coalesce(show_activity.follows_1h, 0) as "show_activity.follows_1h",
        coalesce(show_activity.shares_1h, 0) as "show_activity.shares_1h",
        coalesce(show_activity.sales_10m, 0.0) as "show_activity.sales_10m",
        coalesce(show_activity.sales_1h, 0.0) as "show_activity.sales_1h",
        coalesce(show_activity.sales_1d, 0.0) as "show_activity.sales_1d",
        coalesce(show_activity.watched_10m, 0.0) as "show_activity.watched_10m",
        coalesce(show_activity.watched_1h, 0.0) as "show_activity.watched_1h",
        show_activity.usual_watch_10m as "show_activity.usual_watch_10m",
        show_activity.usual_watch_1h as "show_activity.usual_watch_1h",
        show_activity.usual_price_1h as "show_activity.usual_price_1h",
        show_activity.usual_price_1d as "show_activity.usual_price_1d",
        show_activity.price_spread_1d as "show_activity.price_spread_1d",
        show_activity.lowest_price_1h as "show_activity.lowest_price_1h",
        show_activity.lowest_price_1d as "show_activity.lowest_price_1d",
        show_activity.highest_bid_10m as "show_activity.highest_bid_10m",
        show_activity.highest_bid_1h as "show_activity.highest_bid_1h",
        show_activity.last_price as "show_activity.last_price",
        show_activity.last_bid_at_1h as "show_activity.last_bid_at_1h",
        show_catalog.seller_id as "show_catalog.seller_id",
        coalesce(show_catalog.category, 'other') as "show_catalog.category",
        coalesce(show_catalog.language, 'unknown') as "show_catalog.language",
        coalesce(show_catalog.status, 'scheduled') as "show_catalog.status",
        show_catalog.start_price as "show_catalog.start_price",
        show_catalog.scheduled_at as "show_catalog.scheduled_at",
        show_catalog.started_at as "show_catalog.started_at",
        coalesce(viewer_activity.views_10m, 0) as "viewer_activity.views_10m",
        coalesce(viewer_activity.views_1h, 0) as "viewer_activity.views_1h",
        coalesce(viewer_activity.views_1d, 0) as "viewer_activity.views_1d",
        coalesce(viewer_activity.views_30d, 0) as "viewer_activity.views_30d",
        coalesce(viewer_activity.taps_1m, 0) as "viewer_activity.taps_1m",
        coalesce(viewer_activity.taps_10m, 0) as "viewer_activity.taps_10m",
        coalesce(viewer_activity.taps_1h, 0) as "viewer_activity.taps_1h",
        coalesce(viewer_activity.taps_1d, 0) as "viewer_activity.taps_1d",
        coalesce(viewer_activity.taps_30d, 0) as "viewer_activity.taps_30d",
        coalesce(viewer_activity.chats_10m, 0) as "viewer_activity.chats_10m",
        coalesce(viewer_activity.chats_1h, 0) as "viewer_activity.chats_1h",
        coalesce(viewer_activity.chats_1d, 0) as "viewer_activity.chats_1d",
        coalesce(viewer_activity.bids_10m, 0) as "viewer_activity.bids_10m",
        coalesce(viewer_activity.bids_1h, 0) as "viewer_activity.bids_1h",
        coalesce(viewer_activity.bids_1d, 0) as "viewer_activity.bids_1d",
        coalesce(viewer_activity.bids_30d, 0) as "viewer_activity.bids_30d",
        coalesce(viewer_activity.orders_1h, 0) as "viewer_activity.orders_1h",
        coalesce(viewer_activity.orders_1d, 0) as "viewer_activity.orders_1d",
        coalesce(viewer_activity.orders_30d, 0) as "viewer_activity.orders_30d",
        coalesce(viewer_activity.follows_1d, 0) as "viewer_activity.follows_1d",
        coalesce(viewer_activity.follows_30d, 0) as "viewer_activity.follows_30d",
        coalesce(viewer_activity.watched_10m, 0.0) as "viewer_activity.watched_10m",
        coalesce(viewer_activity.watched_1h, 0.0) as "viewer_activity.watched_1h",
        coalesce(viewer_activity.watched_1d, 0.0) as "viewer_activity.watched_1d",
        coalesce(viewer_activity.watched_30d, 0.0) as "viewer_activity.watched_30d",
        viewer_activity.longest_watch_1h as "viewer_activity.longest_watch_1h",
        viewer_activity.longest_watch_1d as "viewer_activity.longest_watch_1d",
        coalesce(viewer_activity.spend_1d, 0.0) as "viewer_activity.spend_1d",
        coalesce(viewer_activity.spend_30d, 0.0) as "viewer_activity.spend_30d",
        viewer_activity.usual_bid_1d as "viewer_activity.usual_bid_1d",
        viewer_activity.usual_bid_30d as "viewer_activity.usual_bid_30d",
        viewer_activity.bid_spread_30d as "viewer_activity.bid_spread_30d",
        viewer_activity.last_show as "viewer_activity.last_show",
        coalesce(viewer_activity.recent_shows, []) as "viewer_activity.recent_shows",
        viewer_activity.last_category as "viewer_activity.last_category",
        viewer_activity.last_seen as "viewer_activity.last_seen",
        coalesce(viewer_profile.country, 'unknown') as "viewer_profile.country",
        coalesce(viewer_profile.language, 'unknown') as "viewer_profile.language",
        viewer_profile.signed_up_at as "viewer_profile.signed_up_at",
        viewer_profile.interests as "viewer_profile.interests",
        coalesce(viewer_profile.push_enabled, false) as "viewer_profile.push_enabled",
        coalesce(viewer_category_taste.views_10m, 0) as "viewer_category_taste.views_10m",
        coalesce(viewer_category_taste.views_1h, 0) as "viewer_category_taste.views_1h",
        coalesce(viewer_category_taste.views_1d, 0) as "viewer_category_taste.views_1d",
        coalesce(viewer_category_taste.views_30d, 0) as "viewer_category_taste.views_30d",
        coalesce(viewer_category_taste.taps_10m, 0) as "viewer_category_taste.taps_10m",
        coalesce(viewer_category_taste.taps_1h, 0) as "viewer_category_taste.taps_1h",
        coalesce(viewer_category_taste.taps_1d, 0) as "viewer_category_taste.taps_1d",
        coalesce(viewer_category_taste.taps_30d, 0) as "viewer_category_taste.taps_30d",
        coalesce(viewer_category_taste.bids_1h, 0) as "viewer_category_taste.bids_1h",
        coalesce(viewer_category_taste.bids_30d, 0) as "viewer_category_taste.bids_30d",
        coalesce(viewer_category_taste.orders_1d, 0) as "viewer_category_taste.orders_1d",
        coalesce(viewer_category_taste.orders_30d, 0) as "viewer_category_taste.orders_30d",
        coalesce(viewer_category_taste.watched_10m, 0.0) as "viewer_category_taste.watched_10m",
        coalesce(viewer_category_taste.watched_1h, 0.0) as "viewer_category_taste.watched_1h",
        coalesce(viewer_category_taste.watched_30d, 0.0) as "viewer_category_taste.watched_30d",
        viewer_category_taste.usual_price_30d as "viewer_category_taste.usual_price_30d",
        viewer_category_taste.last_tap_1d as "viewer_category_taste.last_tap_1d",
        coalesce(viewer_seller_history.views_1d, 0) as "viewer_seller_history.views_1d",
        coalesce(viewer_seller_history.views_30d, 0) as "viewer_seller_history.views_30d",
        coalesce(viewer_seller_history.taps_1h, 0) as "viewer_seller_history.taps_1h",
        coalesce(viewer_seller_history.taps_1d, 0) as "viewer_seller_history.taps_1d",
        coalesce(viewer_seller_history.taps_30d, 0) as "viewer_seller_history.taps_30d",
        coalesce(viewer_seller_history.orders_1d, 0) as "viewer_seller_history.orders_1d",
        coalesce(viewer_seller_history.orders_30d, 0) as "viewer_seller_history.orders_30d",
        coalesce(viewer_seller_history.follows_30d, 0) as "viewer_seller_history.follows_30d",
        coalesce(viewer_seller_history.spend_30d, 0.0) as "viewer_seller_history.spend_30d",
        coalesce(viewer_seller_history.watched_1h, 0.0) as "viewer_seller_history.watched_1h",
        coalesce(viewer_seller_history.watched_1d, 0.0) as "viewer_seller_history.watched_1d",
        coalesce(viewer_seller_history.watched_30d, 0.0) as "viewer_seller_history.watched_30d",
        viewer_seller_history.last_seen as "viewer_seller_history.last_seen",
        coalesce(seller_profile.country, 'unknown') as "seller_profile.country",
        seller_profile.joined_at as "seller_profile.joined_at",
        seller_profile.rating as "seller_profile.rating",
        coalesce(seller_profile.verified, false) as "seller_profile.verified",
        coalesce(seller_profile.followers, 0) as "seller_profile.followers",
        coalesce(seller_stats.views_1h, 0) as "seller_stats.views_1h",
        coalesce(seller_stats.views_1d, 0) as "seller_stats.views_1d",
        coalesce(seller_stats.views_30d, 0) as "seller_stats.views_30d",
        coalesce(seller_stats.taps_1h, 0) as "seller_stats.taps_1h",
        coalesce(seller_stats.taps_1d, 0) as "seller_stats.taps_1d",
        coalesce(seller_stats.taps_30d, 0) as "seller_stats.taps_30d",
        coalesce(seller_stats.bids_1h, 0) as "seller_stats.bids_1h",
        coalesce(seller_stats.bids_1d, 0) as "seller_stats.bids_1d",
        coalesce(seller_stats.orders_1h, 0) as "seller_stats.orders_1h",
        coalesce(seller_stats.orders_1d, 0) as "seller_stats.orders_1d",
        coalesce(seller_stats.orders_30d, 0) as "seller_stats.orders_30d",
        coalesce(seller_stats.follows_1d, 0) as "seller_stats.follows_1d",
        coalesce(seller_stats.follows_30d, 0) as "seller_stats.follows_30d",
        coalesce(seller_stats.sales_1h, 0.0) as "seller_stats.sales_1h",
        coalesce(seller_stats.sales_1d, 0.0) as "seller_stats.sales_1d",
        coalesce(seller_stats.sales_30d, 0.0) as "seller_stats.sales_30d",
        seller_stats.usual_price_30d as "seller_stats.usual_price_30d",
        seller_stats.highest_price_30d as "seller_stats.highest_price_30d",
        seller_stats.usual_watch_1d as "seller_stats.usual_watch_1d",
        seller_stats.usual_watch_30d as "seller_stats.usual_watch_30d"
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('impression__show_activity') }} as show_activity
        on show_activity.show_id = spine.show_id
        and show_activity.asked_at = spine.event_ts
    left join {{ ref('impression__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    left join {{ ref('impression__viewer_activity') }} as viewer_activity
        on viewer_activity.viewer_id = spine.viewer_id
        and viewer_activity.asked_at = spine.event_ts
    left join {{ ref('impression__viewer_profile') }} as viewer_profile
        on viewer_profile.viewer_id = spine.viewer_id
        and viewer_profile.asked_at = spine.event_ts
    left join {{ ref('impression__viewer_category_taste__by_show_catalog_category') }} as viewer_category_taste
        on viewer_category_taste.viewer_id = spine.viewer_id
        and viewer_category_taste.category = coalesce(show_catalog.category, 'other')
        and viewer_category_taste.asked_at = spine.event_ts
    left join {{ ref('impression__viewer_seller_history__by_show_catalog_seller_id') }} as viewer_seller_history
        on viewer_seller_history.viewer_id = spine.viewer_id
        and viewer_seller_history.seller_id = show_catalog.seller_id
        and viewer_seller_history.asked_at = spine.event_ts
    left join {{ ref('impression__seller_profile__by_show_catalog_seller_id') }} as seller_profile
        on seller_profile.seller_id = show_catalog.seller_id
        and seller_profile.asked_at = spine.event_ts
    left join {{ ref('impression__seller_stats__by_show_catalog_seller_id') }} as seller_stats
        on seller_stats.seller_id = show_catalog.seller_id
        and seller_stats.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        -- What is asked about later waits until all that it may need is known.
        and spine.event_ts <= (select as_of from {{ ref('as_of') }} where model = 'feed_ranking_v1')
)

select * from final
