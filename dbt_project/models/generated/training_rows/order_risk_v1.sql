-- The training rows of order_risk_v1: its spine, with each stored feature as of then.
-- Written by `slate compile` from FeatureService('order_risk', version=1): change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='received_at',
    on_schema_change='fail',
    alias='order_risk_v1'
) }}

with final as (
    select
        spine.order_id,
        spine.event_ts,
        spine.received_at,
        spine.viewer_id,
        spine.show_id,
        spine.seller_id,
        spine.device_id,
        spine.address_id,
        spine.price,
        spine.charged_back,
        coalesce(address_orders.orders_1h, 0) as "address_orders.orders_1h",
        coalesce(address_orders.orders_1d, 0) as "address_orders.orders_1d",
        coalesce(address_orders.orders_30d, 0) as "address_orders.orders_30d",
        coalesce(address_orders.spend_1d, 0.0) as "address_orders.spend_1d",
        coalesce(address_orders.accounts_1h, 0) as "address_orders.accounts_1h",
        coalesce(address_orders.accounts_1d, 0) as "address_orders.accounts_1d",
        coalesce(address_orders.accounts_30d, 0) as "address_orders.accounts_30d",
        coalesce(device_orders.orders_10m, 0) as "device_orders.orders_10m",
        coalesce(device_orders.orders_1h, 0) as "device_orders.orders_1h",
        coalesce(device_orders.orders_1d, 0) as "device_orders.orders_1d",
        coalesce(device_orders.spend_1h, 0.0) as "device_orders.spend_1h",
        coalesce(device_orders.spend_1d, 0.0) as "device_orders.spend_1d",
        coalesce(device_orders.accounts_1h, 0) as "device_orders.accounts_1h",
        coalesce(device_orders.accounts_1d, 0) as "device_orders.accounts_1d",
        coalesce(device_orders.accounts_30d, 0) as "device_orders.accounts_30d",
        coalesce(device_orders.addresses_1d, 0) as "device_orders.addresses_1d",
        coalesce(seller_orders.orders_10m, 0) as "seller_orders.orders_10m",
        coalesce(seller_orders.orders_1h, 0) as "seller_orders.orders_1h",
        coalesce(seller_orders.orders_1d, 0) as "seller_orders.orders_1d",
        coalesce(seller_orders.buyers_1h, 0) as "seller_orders.buyers_1h",
        coalesce(seller_orders.buyers_1d, 0) as "seller_orders.buyers_1d",
        seller_orders.usual_price_30d as "seller_orders.usual_price_30d",
        coalesce(viewer_orders.orders_10m, 0) as "viewer_orders.orders_10m",
        coalesce(viewer_orders.orders_1h, 0) as "viewer_orders.orders_1h",
        coalesce(viewer_orders.orders_1d, 0) as "viewer_orders.orders_1d",
        coalesce(viewer_orders.orders_30d, 0) as "viewer_orders.orders_30d",
        coalesce(viewer_orders.spend_1h, 0.0) as "viewer_orders.spend_1h",
        coalesce(viewer_orders.spend_1d, 0.0) as "viewer_orders.spend_1d",
        coalesce(viewer_orders.spend_30d, 0.0) as "viewer_orders.spend_30d",
        viewer_orders.usual_price_30d as "viewer_orders.usual_price_30d",
        viewer_orders.highest_price_30d as "viewer_orders.highest_price_30d",
        coalesce(viewer_orders.sellers_1h, 0) as "viewer_orders.sellers_1h",
        coalesce(viewer_orders.sellers_30d, 0) as "viewer_orders.sellers_30d",
        coalesce(viewer_orders.devices_1d, 0) as "viewer_orders.devices_1d",
        coalesce(viewer_orders.devices_30d, 0) as "viewer_orders.devices_30d",
        coalesce(viewer_orders.addresses_1d, 0) as "viewer_orders.addresses_1d",
        coalesce(viewer_orders.addresses_30d, 0) as "viewer_orders.addresses_30d",
        viewer_orders.first_order_forever as "viewer_orders.first_order_forever",
        viewer_orders.last_address as "viewer_orders.last_address",
        coalesce(seller_profile.country, 'unknown') as "seller_profile.country",
        seller_profile.joined_at as "seller_profile.joined_at",
        seller_profile.rating as "seller_profile.rating",
        coalesce(seller_profile.verified, false) as "seller_profile.verified",
        coalesce(viewer_activity.taps_1d, 0) as "viewer_activity.taps_1d",
        coalesce(viewer_activity.watched_1d, 0.0) as "viewer_activity.watched_1d",
        coalesce(viewer_profile.country, 'unknown') as "viewer_profile.country",
        viewer_profile.signed_up_at as "viewer_profile.signed_up_at"
    from {{ ref('stg_order_outcomes') }} as spine
    left join {{ ref('order_outcome__address_orders') }} as address_orders
        on address_orders.address_id = spine.address_id
        and address_orders.asked_at = spine.event_ts
    left join {{ ref('order_outcome__device_orders') }} as device_orders
        on device_orders.device_id = spine.device_id
        and device_orders.asked_at = spine.event_ts
    left join {{ ref('order_outcome__seller_orders') }} as seller_orders
        on seller_orders.seller_id = spine.seller_id
        and seller_orders.asked_at = spine.event_ts
    left join {{ ref('order_outcome__viewer_orders') }} as viewer_orders
        on viewer_orders.viewer_id = spine.viewer_id
        and viewer_orders.asked_at = spine.event_ts
    left join {{ ref('order_outcome__seller_profile') }} as seller_profile
        on seller_profile.seller_id = spine.seller_id
        and seller_profile.asked_at = spine.event_ts
    left join {{ ref('order_outcome__viewer_activity') }} as viewer_activity
        on viewer_activity.viewer_id = spine.viewer_id
        and viewer_activity.asked_at = spine.event_ts
    left join {{ ref('order_outcome__viewer_profile') }} as viewer_profile
        on viewer_profile.viewer_id = spine.viewer_id
        and viewer_profile.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        -- What is asked about later waits until all that it may need is known.
        and spine.event_ts <= (select as_of from {{ ref('as_of') }} where model = 'order_risk_v1')
)

select * from final
