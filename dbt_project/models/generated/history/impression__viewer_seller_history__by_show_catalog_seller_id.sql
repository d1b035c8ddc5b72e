-- The values of viewer_seller_history at the instants that feed_ranking_v1 asks about.
-- Written by `slate compile` from ViewerSellerHistory and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['viewer_id', 'seller_id'] %}
{%- set levels = {'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'views_1d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'views_30d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'taps_1h__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_1d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'taps_30d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'follows_30d__n', 'tiles': 'sum(follows__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'spend_30d__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'watched_1h__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'watched_1d__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'watched_30d__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'last_seen__last', 'tiles': 'max(last_seen__last) filter (where %s)', 'hop': 3600, 'latest': 1, 'merged': greatest_of},
] %}

with asked as (
    select distinct
        spine.viewer_id,
        show_catalog.seller_id as seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('impression__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
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
        viewer_id,
        seller_id,
        asked_at,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as views_1d__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as views_30d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as taps_1h__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as taps_1d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as taps_30d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n,
        count(*) filter (where kind = 'follow' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as follows_30d__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as spend_30d__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as watched_1h__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as watched_1d__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as watched_30d__sum,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) as last_seen__last
    from hops
    inner join (
        select *, {{ hop_number('received_at', 300) }} as hop_300 from {{ ref('stg_events') }}
    ) as events using (viewer_id, seller_id, hop_300)
    where received_at < asked_at
    group by viewer_id, seller_id, asked_at
),

{{ known_parts(ref('viewer_seller_history_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        viewer_id,
        seller_id,
        asked_at,
        cast(coalesce(views_1d__n, 0) as bigint) as views_1d,
        cast(coalesce(views_30d__n, 0) as bigint) as views_30d,
        cast(coalesce(taps_1h__n, 0) as bigint) as taps_1h,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(follows_30d__n, 0) as bigint) as follows_30d,
        cast(coalesce(spend_30d__sum, 0) as double) as spend_30d,
        cast(coalesce(watched_1h__sum, 0) as double) as watched_1h,
        cast(coalesce(watched_1d__sum, 0) as double) as watched_1d,
        cast(coalesce(watched_30d__sum, 0) as double) as watched_30d,
        last_seen__last.value as last_seen
    from merged
)

select * from final
