-- The values of viewer_activity at the instants that feed_ranking_v1 asks about.
-- Written by `slate compile` from ViewerActivity and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['viewer_id'] %}
{%- set levels = {'tiles_5s': 5, 'tiles_30s': 30, 'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'views_10m__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'views_1h__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'views_1d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'views_30d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'taps_1m__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 5, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_10m__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'taps_1h__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_1d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'taps_30d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'chats_10m__n', 'tiles': 'sum(chats__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'chats_1h__n', 'tiles': 'sum(chats__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'chats_1d__n', 'tiles': 'sum(chats__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'bids_10m__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'bids_1h__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'bids_1d__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'bids_30d__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'follows_1d__n', 'tiles': 'sum(follows__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'follows_30d__n', 'tiles': 'sum(follows__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'watched_10m__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'watched_1h__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'watched_1d__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'watched_30d__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'longest_watch_1h__max', 'tiles': 'max(longest_watch__max) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': greatest_of},
    {'name': 'longest_watch_1d__max', 'tiles': 'max(longest_watch__max) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': greatest_of},
    {'name': 'spend_1d__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'spend_30d__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_bid_1d__n', 'tiles': 'sum(usual_bid__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'usual_bid_1d__sum', 'tiles': 'sum(usual_bid__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'usual_bid_30d__n', 'tiles': 'sum(usual_bid__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_bid_30d__sum', 'tiles': 'sum(usual_bid__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'bid_spread_30d__parts', 'tiles': 'list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where %s and bid_spread__n > 0)', 'hop': 86400, 'hops': 30, 'merged': pooled},
    {'name': 'last_show__last', 'tiles': 'max(last_show__last) filter (where %s)', 'hop': 3600, 'latest': 1, 'merged': greatest_of},
    {'name': 'recent_shows__last', 'list': 'recent_shows', 'hop': 3600, 'latest': 10, 'merged': latest_of_parts},
    {'name': 'last_category__last', 'tiles': 'max(last_category__last) filter (where %s)', 'hop': 3600, 'latest': 1, 'merged': greatest_of},
    {'name': 'last_seen__last', 'tiles': 'max(last_seen__last) filter (where %s)', 'hop': 3600, 'latest': 1, 'merged': greatest_of},
] %}

with asked as (
    select distinct
        spine.viewer_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
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
        asked_at,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as views_10m__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as views_1h__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as views_1d__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as views_30d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 60, 5) }}) as taps_1m__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as taps_10m__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as taps_1h__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as taps_1d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as taps_30d__n,
        count(*) filter (where kind = 'chat' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as chats_10m__n,
        count(*) filter (where kind = 'chat' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as chats_1h__n,
        count(*) filter (where kind = 'chat' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as chats_1d__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as bids_10m__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as bids_1h__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as bids_1d__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as bids_30d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n,
        count(*) filter (where kind = 'follow' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as follows_1d__n,
        count(*) filter (where kind = 'follow' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as follows_30d__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 600, 30) }}) as double) as watched_10m__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as watched_1h__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as watched_1d__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as watched_30d__sum,
        max(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as longest_watch_1h__max,
        max(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as longest_watch_1d__max,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as spend_1d__sum,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as spend_30d__sum,
        count(*) filter (where kind = 'bid' and price is not null and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as usual_bid_1d__n,
        cast(sum(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as usual_bid_1d__sum,
        count(*) filter (where kind = 'bid' and price is not null and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as usual_bid_30d__n,
        cast(sum(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as usual_bid_30d__sum,
        case when count(*) filter (where kind = 'bid' and price is not null and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) > 0 then [{n: cast(count(*) filter (where kind = 'bid' and price is not null and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double), mean: avg(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}), m2: var_pop(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) * count(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }})}] end as bid_spread_30d__parts,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: show_id}) as last_show__last,
        {{ latest_events('list({event_ts: event_ts, received_at: received_at, id: event_id, value: show_id})', 10) }} as recent_shows__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: category}) filter (where kind in ('tap', 'bid', 'purchase')) as last_category__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) as last_seen__last
    from hops
    inner join (
        select *, {{ hop_number('received_at', 5) }} as hop_5 from {{ ref('stg_events') }}
    ) as events using (viewer_id, hop_5)
    where received_at < asked_at
    group by viewer_id, asked_at
),

{{ known_parts(ref('viewer_activity_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        viewer_id,
        asked_at,
        cast(coalesce(views_10m__n, 0) as bigint) as views_10m,
        cast(coalesce(views_1h__n, 0) as bigint) as views_1h,
        cast(coalesce(views_1d__n, 0) as bigint) as views_1d,
        cast(coalesce(views_30d__n, 0) as bigint) as views_30d,
        cast(coalesce(taps_1m__n, 0) as bigint) as taps_1m,
        cast(coalesce(taps_10m__n, 0) as bigint) as taps_10m,
        cast(coalesce(taps_1h__n, 0) as bigint) as taps_1h,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(chats_10m__n, 0) as bigint) as chats_10m,
        cast(coalesce(chats_1h__n, 0) as bigint) as chats_1h,
        cast(coalesce(chats_1d__n, 0) as bigint) as chats_1d,
        cast(coalesce(bids_10m__n, 0) as bigint) as bids_10m,
        cast(coalesce(bids_1h__n, 0) as bigint) as bids_1h,
        cast(coalesce(bids_1d__n, 0) as bigint) as bids_1d,
        cast(coalesce(bids_30d__n, 0) as bigint) as bids_30d,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(follows_1d__n, 0) as bigint) as follows_1d,
        cast(coalesce(follows_30d__n, 0) as bigint) as follows_30d,
        cast(coalesce(watched_10m__sum, 0) as double) as watched_10m,
        cast(coalesce(watched_1h__sum, 0) as double) as watched_1h,
        cast(coalesce(watched_1d__sum, 0) as double) as watched_1d,
        cast(coalesce(watched_30d__sum, 0) as double) as watched_30d,
        longest_watch_1h__max as longest_watch_1h,
        longest_watch_1d__max as longest_watch_1d,
        cast(coalesce(spend_1d__sum, 0) as double) as spend_1d,
        cast(coalesce(spend_30d__sum, 0) as double) as spend_30d,
        usual_bid_1d__sum / nullif(usual_bid_1d__n, 0) as usual_bid_1d,
        usual_bid_30d__sum / nullif(usual_bid_30d__n, 0) as usual_bid_30d,
        sqrt(bid_spread_30d__parts.m2 / nullif(bid_spread_30d__parts.n, 0)) as bid_spread_30d,
        last_show__last.value as last_show,
        coalesce([event.value for event in recent_shows__last], []) as recent_shows,
        last_category__last.value as last_category,
        last_seen__last.value as last_seen
    from merged
)

select * from final
