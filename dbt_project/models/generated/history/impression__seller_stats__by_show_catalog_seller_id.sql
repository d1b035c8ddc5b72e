-- The values of seller_stats at the instants that feed_ranking_v1 and show_quality_v1 ask about.
-- Written by `slate compile` from SellerStats and FeatureService('feed_ranking', version=1) and FeatureService('show_quality', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['seller_id'] %}
{%- set levels = {'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'views_1h__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'views_1d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'views_30d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'taps_1h__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_1d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'taps_30d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'bids_1h__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'bids_1d__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'follows_1d__n', 'tiles': 'sum(follows__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'follows_30d__n', 'tiles': 'sum(follows__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'sales_1h__sum', 'tiles': 'sum(sales__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'sales_1d__sum', 'tiles': 'sum(sales__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'sales_30d__sum', 'tiles': 'sum(sales__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__n', 'tiles': 'sum(usual_price__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__sum', 'tiles': 'sum(usual_price__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'highest_price_30d__max', 'tiles': 'max(highest_price__max) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': greatest_of},
    {'name': 'usual_watch_1d__n', 'tiles': 'sum(usual_watch__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'usual_watch_1d__sum', 'tiles': 'sum(usual_watch__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'usual_watch_30d__n', 'tiles': 'sum(usual_watch__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_watch_30d__sum', 'tiles': 'sum(usual_watch__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
] %}

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

hops as (
    select
        *
        {%- for level in levels.values() %},
        {{ hop_number('asked_at', level) }} as hop_{{ level }}
        {%- endfor %}
    from asked
),

head as (
    -- The smallest open hop, event by event.
    select
        seller_id,
        asked_at,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as views_1h__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as views_1d__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as views_30d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as taps_1h__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as taps_1d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as taps_30d__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as bids_1h__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as bids_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n,
        count(*) filter (where kind = 'follow' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as follows_1d__n,
        count(*) filter (where kind = 'follow' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as follows_30d__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as sales_1h__sum,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as sales_1d__sum,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as sales_30d__sum,
        count(*) filter (where kind = 'purchase' and price is not null and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as usual_price_30d__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as usual_price_30d__sum,
        max(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as highest_price_30d__max,
        count(*) filter (where watch_seconds is not null and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as usual_watch_1d__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as usual_watch_1d__sum,
        count(*) filter (where watch_seconds is not null and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as usual_watch_30d__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as usual_watch_30d__sum
    from hops
    inner join (
        select *, {{ hop_number('received_at', 300) }} as hop_300 from {{ ref('stg_events') }}
    ) as events using (seller_id, hop_300)
    where received_at < asked_at
    group by seller_id, asked_at
),

{{ known_parts(ref('seller_stats_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        seller_id,
        asked_at,
        cast(coalesce(views_1h__n, 0) as bigint) as views_1h,
        cast(coalesce(views_1d__n, 0) as bigint) as views_1d,
        cast(coalesce(views_30d__n, 0) as bigint) as views_30d,
        cast(coalesce(taps_1h__n, 0) as bigint) as taps_1h,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(bids_1h__n, 0) as bigint) as bids_1h,
        cast(coalesce(bids_1d__n, 0) as bigint) as bids_1d,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(follows_1d__n, 0) as bigint) as follows_1d,
        cast(coalesce(follows_30d__n, 0) as bigint) as follows_30d,
        cast(coalesce(sales_1h__sum, 0) as double) as sales_1h,
        cast(coalesce(sales_1d__sum, 0) as double) as sales_1d,
        cast(coalesce(sales_30d__sum, 0) as double) as sales_30d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d,
        highest_price_30d__max as highest_price_30d,
        usual_watch_1d__sum / nullif(usual_watch_1d__n, 0) as usual_watch_1d,
        usual_watch_30d__sum / nullif(usual_watch_30d__n, 0) as usual_watch_30d
    from merged
)

select * from final
