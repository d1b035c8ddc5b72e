-- The values of viewer_category_taste at the instants that feed_ranking_v1 asks about.
-- Written by `slate compile` from ViewerCategoryTaste and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['viewer_id', 'category'] %}
{%- set levels = {'tiles_30s': 30, 'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'views_10m__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'views_1h__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'views_1d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'views_30d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'taps_10m__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'taps_1h__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_1d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'taps_30d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'bids_1h__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'bids_30d__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'watched_10m__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'watched_1h__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'watched_30d__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__n', 'tiles': 'sum(usual_price__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__sum', 'tiles': 'sum(usual_price__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'last_tap__last', 'tiles': 'max(last_tap__last) filter (where %s)', 'hop': 3600, 'latest': 1, 'merged': greatest_of},
] %}

with asked as (
    select distinct
        spine.viewer_id,
        coalesce(show_catalog.category, 'other') as category,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('impression__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
        and coalesce(show_catalog.category, 'other') is not null
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
        category,
        asked_at,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as views_10m__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as views_1h__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as views_1d__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as views_30d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as taps_10m__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as taps_1h__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as taps_1d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as taps_30d__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as bids_1h__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as bids_30d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 600, 30) }}) as double) as watched_10m__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as watched_1h__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as watched_30d__sum,
        count(*) filter (where kind = 'purchase' and price is not null and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as usual_price_30d__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as usual_price_30d__sum,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) filter (where kind = 'tap') as last_tap__last
    from hops
    inner join (
        select *, {{ hop_number('received_at', 30) }} as hop_30 from {{ ref('stg_events') }}
    ) as events using (viewer_id, category, hop_30)
    where received_at < asked_at
    group by viewer_id, category, asked_at
),

{{ known_parts(ref('viewer_category_taste_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        viewer_id,
        category,
        asked_at,
        cast(coalesce(views_10m__n, 0) as bigint) as views_10m,
        cast(coalesce(views_1h__n, 0) as bigint) as views_1h,
        cast(coalesce(views_1d__n, 0) as bigint) as views_1d,
        cast(coalesce(views_30d__n, 0) as bigint) as views_30d,
        cast(coalesce(taps_10m__n, 0) as bigint) as taps_10m,
        cast(coalesce(taps_1h__n, 0) as bigint) as taps_1h,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(bids_1h__n, 0) as bigint) as bids_1h,
        cast(coalesce(bids_30d__n, 0) as bigint) as bids_30d,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(watched_10m__sum, 0) as double) as watched_10m,
        cast(coalesce(watched_1h__sum, 0) as double) as watched_1h,
        cast(coalesce(watched_30d__sum, 0) as double) as watched_30d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d,
        case when last_tap__last.event_ts >= {{ window_start('asked_at', 86400, 3600) }} then last_tap__last.value end as last_tap_1d
    from merged
)

select * from final
