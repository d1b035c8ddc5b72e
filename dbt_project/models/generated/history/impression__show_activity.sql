-- The values of show_activity at the instants that feed_ranking_v1 and show_quality_v1 ask about.
-- Written by `slate compile` from ShowActivity and FeatureService('feed_ranking', version=1) and FeatureService('show_quality', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['show_id'] %}
{%- set levels = {'tiles_5s': 5, 'tiles_30s': 30, 'tiles_5m': 300, 'tiles_1h': 3600} %}
{%- set parts = [
    {'name': 'views_10m__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'views_1h__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'views_1d__n', 'tiles': 'sum(views__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'taps_1m__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 5, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_10m__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'taps_1h__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'taps_1d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'chats_10m__n', 'tiles': 'sum(chats__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'chats_1h__n', 'tiles': 'sum(chats__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'bids_10m__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'bids_1h__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'bids_1d__n', 'tiles': 'sum(bids__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_10m__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'follows_1h__n', 'tiles': 'sum(follows__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'shares_1h__n', 'tiles': 'sum(shares__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'sales_10m__sum', 'tiles': 'sum(sales__sum) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'sales_1h__sum', 'tiles': 'sum(sales__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'sales_1d__sum', 'tiles': 'sum(sales__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'watched_10m__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'watched_1h__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'usual_watch_10m__n', 'tiles': 'sum(usual_watch__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'usual_watch_10m__sum', 'tiles': 'sum(usual_watch__sum) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'usual_watch_1h__n', 'tiles': 'sum(usual_watch__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'usual_watch_1h__sum', 'tiles': 'sum(usual_watch__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'usual_price_1h__n', 'tiles': 'sum(usual_price__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'usual_price_1h__sum', 'tiles': 'sum(usual_price__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'usual_price_1d__n', 'tiles': 'sum(usual_price__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'usual_price_1d__sum', 'tiles': 'sum(usual_price__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'price_spread_1d__parts', 'tiles': 'list({n: cast(price_spread__n as double), mean: price_spread__mean, m2: price_spread__m2}) filter (where %s and price_spread__n > 0)', 'hop': 3600, 'hops': 24, 'merged': pooled},
    {'name': 'lowest_price_1h__min', 'tiles': 'min(lowest_price__min) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': least_of},
    {'name': 'lowest_price_1d__min', 'tiles': 'min(lowest_price__min) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': least_of},
    {'name': 'highest_bid_10m__max', 'tiles': 'max(highest_bid__max) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': greatest_of},
    {'name': 'highest_bid_1h__max', 'tiles': 'max(highest_bid__max) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': greatest_of},
    {'name': 'last_price__last', 'tiles': 'max(last_price__last) filter (where %s)', 'hop': 300, 'latest': 1, 'merged': greatest_of},
    {'name': 'last_bid_at__last', 'tiles': 'max(last_bid_at__last) filter (where %s)', 'hop': 300, 'latest': 1, 'merged': greatest_of},
] %}

with asked as (
    select distinct
        spine.show_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.show_id is not null
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
        show_id,
        asked_at,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as views_10m__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as views_1h__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as views_1d__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 60, 5) }}) as taps_1m__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as taps_10m__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as taps_1h__n,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as taps_1d__n,
        count(*) filter (where kind = 'chat' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as chats_10m__n,
        count(*) filter (where kind = 'chat' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as chats_1h__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as bids_10m__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as bids_1h__n,
        count(*) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as bids_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as orders_10m__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'follow' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as follows_1h__n,
        count(*) filter (where kind = 'share' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as shares_1h__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as double) as sales_10m__sum,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as sales_1h__sum,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as sales_1d__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 600, 30) }}) as double) as watched_10m__sum,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as watched_1h__sum,
        count(*) filter (where watch_seconds is not null and event_ts >= {{ window_start('asked_at', 600, 30) }}) as usual_watch_10m__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 600, 30) }}) as double) as usual_watch_10m__sum,
        count(*) filter (where watch_seconds is not null and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as usual_watch_1h__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as usual_watch_1h__sum,
        count(*) filter (where kind = 'purchase' and price is not null and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as usual_price_1h__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as usual_price_1h__sum,
        count(*) filter (where kind = 'purchase' and price is not null and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as usual_price_1d__n,
        cast(sum(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as usual_price_1d__sum,
        case when count(*) filter (where kind = 'purchase' and price is not null and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) > 0 then [{n: cast(count(*) filter (where kind = 'purchase' and price is not null and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double), mean: avg(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}), m2: var_pop(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) * count(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }})}] end as price_spread_1d__parts,
        min(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as lowest_price_1h__min,
        min(price) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as lowest_price_1d__min,
        max(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as highest_bid_10m__max,
        max(price) filter (where kind = 'bid' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as highest_bid_1h__max,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: price}) filter (where kind = 'purchase' and price is not null) as last_price__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) filter (where kind = 'bid') as last_bid_at__last
    from hops
    inner join (
        select *, {{ hop_number('received_at', 5) }} as hop_5 from {{ ref('stg_events') }}
    ) as events using (show_id, hop_5)
    where received_at < asked_at
    group by show_id, asked_at
),

{{ known_parts(ref('show_activity_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        show_id,
        asked_at,
        cast(coalesce(views_10m__n, 0) as bigint) as views_10m,
        cast(coalesce(views_1h__n, 0) as bigint) as views_1h,
        cast(coalesce(views_1d__n, 0) as bigint) as views_1d,
        cast(coalesce(taps_1m__n, 0) as bigint) as taps_1m,
        cast(coalesce(taps_10m__n, 0) as bigint) as taps_10m,
        cast(coalesce(taps_1h__n, 0) as bigint) as taps_1h,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(chats_10m__n, 0) as bigint) as chats_10m,
        cast(coalesce(chats_1h__n, 0) as bigint) as chats_1h,
        cast(coalesce(bids_10m__n, 0) as bigint) as bids_10m,
        cast(coalesce(bids_1h__n, 0) as bigint) as bids_1h,
        cast(coalesce(bids_1d__n, 0) as bigint) as bids_1d,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(follows_1h__n, 0) as bigint) as follows_1h,
        cast(coalesce(shares_1h__n, 0) as bigint) as shares_1h,
        cast(coalesce(sales_10m__sum, 0) as double) as sales_10m,
        cast(coalesce(sales_1h__sum, 0) as double) as sales_1h,
        cast(coalesce(sales_1d__sum, 0) as double) as sales_1d,
        cast(coalesce(watched_10m__sum, 0) as double) as watched_10m,
        cast(coalesce(watched_1h__sum, 0) as double) as watched_1h,
        usual_watch_10m__sum / nullif(usual_watch_10m__n, 0) as usual_watch_10m,
        usual_watch_1h__sum / nullif(usual_watch_1h__n, 0) as usual_watch_1h,
        usual_price_1h__sum / nullif(usual_price_1h__n, 0) as usual_price_1h,
        usual_price_1d__sum / nullif(usual_price_1d__n, 0) as usual_price_1d,
        sqrt(price_spread_1d__parts.m2 / nullif(price_spread_1d__parts.n, 0)) as price_spread_1d,
        lowest_price_1h__min as lowest_price_1h,
        lowest_price_1d__min as lowest_price_1d,
        highest_bid_10m__max as highest_bid_10m,
        highest_bid_1h__max as highest_bid_1h,
        last_price__last.value as last_price,
        case when last_bid_at__last.event_ts >= {{ window_start('asked_at', 3600, 300) }} then last_bid_at__last.value end as last_bid_at_1h
    from merged
)

select * from final
