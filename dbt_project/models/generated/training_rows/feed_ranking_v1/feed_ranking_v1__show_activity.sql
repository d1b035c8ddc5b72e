-- Written by `slate compile` from ShowActivity and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

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
        *,
        {{ hop_number('asked_at', 5) }} as hop_5,
        {{ hop_number('asked_at', 30) }} as hop_30,
        {{ hop_number('asked_at', 300) }} as hop_300,
        {{ hop_number('asked_at', 3600) }} as hop_3600
    from asked
),

tiles_5s_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 12, arrived // 6 * 6 + 5) + 1)) as hop)
    from {{ ref('show_activity_tiles') }}
    where hop = 5
),

tiles_5s as (
    select
        show_id,
        hop,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as views_10m__n,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as views_1h__n,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as views_1d__n,
        sum(taps__n) filter (where tile >= hop - 12) as taps_1m__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as taps_10m__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as taps_1h__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as taps_1d__n,
        sum(chats__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as chats_10m__n,
        sum(chats__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as chats_1h__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as bids_10m__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as bids_1h__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as bids_1d__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as orders_10m__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as orders_1h__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as orders_1d__n,
        sum(follows__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as follows_1h__n,
        sum(shares__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as shares_1h__n,
        sum(sales__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as sales_10m__sum,
        sum(sales__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as sales_1h__sum,
        sum(sales__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as sales_1d__sum,
        sum(watched__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as watched_10m__sum,
        sum(watched__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as watched_1h__sum,
        sum(usual_watch__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as usual_watch_10m__n,
        sum(usual_watch__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as usual_watch_10m__sum,
        sum(usual_watch__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as usual_watch_1h__n,
        sum(usual_watch__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as usual_watch_1h__sum,
        sum(usual_price__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as usual_price_1h__n,
        sum(usual_price__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as usual_price_1h__sum,
        sum(usual_price__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as usual_price_1d__n,
        sum(usual_price__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as usual_price_1d__sum,
        list({n: cast(price_spread__n as double), mean: price_spread__mean, m2: price_spread__m2}) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720 and price_spread__n > 0) as price_spread_1d__parts,
        min(lowest_price__min) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as lowest_price_1h__min,
        min(lowest_price__min) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as lowest_price_1d__min,
        max(highest_bid__max) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as highest_bid_10m__max,
        max(highest_bid__max) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as highest_bid_1h__max,
        max(last_price__last) filter (where arrived // 6 = hop // 6) as last_price__last,
        max(last_bid_at__last) filter (where arrived // 6 = hop // 6) as last_bid_at__last
    from (select distinct show_id, hop_5 as hop from hops)
    inner join tiles_5s_known using (show_id, hop)
    group by show_id, hop
),

tiles_30s_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 20, arrived // 10 * 10 + 9) + 1)) as hop)
    from {{ ref('show_activity_tiles') }}
    where hop = 30
),

tiles_30s as (
    select
        show_id,
        hop,
        sum(views__n) filter (where tile >= hop - 20) as views_10m__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as views_1h__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as views_1d__n,
        sum(taps__n) filter (where tile >= hop - 20) as taps_10m__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as taps_1h__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as taps_1d__n,
        sum(chats__n) filter (where tile >= hop - 20) as chats_10m__n,
        sum(chats__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as chats_1h__n,
        sum(bids__n) filter (where tile >= hop - 20) as bids_10m__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as bids_1h__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as bids_1d__n,
        sum(orders__n) filter (where tile >= hop - 20) as orders_10m__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as orders_1h__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as orders_1d__n,
        sum(follows__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as follows_1h__n,
        sum(shares__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as shares_1h__n,
        sum(sales__sum) filter (where tile >= hop - 20) as sales_10m__sum,
        sum(sales__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as sales_1h__sum,
        sum(sales__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as sales_1d__sum,
        sum(watched__sum) filter (where tile >= hop - 20) as watched_10m__sum,
        sum(watched__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as watched_1h__sum,
        sum(usual_watch__n) filter (where tile >= hop - 20) as usual_watch_10m__n,
        sum(usual_watch__sum) filter (where tile >= hop - 20) as usual_watch_10m__sum,
        sum(usual_watch__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as usual_watch_1h__n,
        sum(usual_watch__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as usual_watch_1h__sum,
        sum(usual_price__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as usual_price_1h__n,
        sum(usual_price__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as usual_price_1h__sum,
        sum(usual_price__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as usual_price_1d__n,
        sum(usual_price__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as usual_price_1d__sum,
        list({n: cast(price_spread__n as double), mean: price_spread__mean, m2: price_spread__m2}) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120 and price_spread__n > 0) as price_spread_1d__parts,
        min(lowest_price__min) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as lowest_price_1h__min,
        min(lowest_price__min) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as lowest_price_1d__min,
        max(highest_bid__max) filter (where tile >= hop - 20) as highest_bid_10m__max,
        max(highest_bid__max) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as highest_bid_1h__max,
        max(last_price__last) filter (where arrived // 10 = hop // 10) as last_price__last,
        max(last_bid_at__last) filter (where arrived // 10 = hop // 10) as last_bid_at__last
    from (select distinct show_id, hop_30 as hop from hops)
    inner join tiles_30s_known using (show_id, hop)
    group by show_id, hop
),

tiles_5m_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 12, arrived // 12 * 12 + 11) + 1)) as hop)
    from {{ ref('show_activity_tiles') }}
    where hop = 300
),

tiles_5m as (
    select
        show_id,
        hop,
        sum(views__n) filter (where tile >= hop - 12) as views_1h__n,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as views_1d__n,
        sum(taps__n) filter (where tile >= hop - 12) as taps_1h__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as taps_1d__n,
        sum(chats__n) filter (where tile >= hop - 12) as chats_1h__n,
        sum(bids__n) filter (where tile >= hop - 12) as bids_1h__n,
        sum(bids__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as bids_1d__n,
        sum(orders__n) filter (where tile >= hop - 12) as orders_1h__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as orders_1d__n,
        sum(follows__n) filter (where tile >= hop - 12) as follows_1h__n,
        sum(shares__n) filter (where tile >= hop - 12) as shares_1h__n,
        sum(sales__sum) filter (where tile >= hop - 12) as sales_1h__sum,
        sum(sales__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as sales_1d__sum,
        sum(watched__sum) filter (where tile >= hop - 12) as watched_1h__sum,
        sum(usual_watch__n) filter (where tile >= hop - 12) as usual_watch_1h__n,
        sum(usual_watch__sum) filter (where tile >= hop - 12) as usual_watch_1h__sum,
        sum(usual_price__n) filter (where tile >= hop - 12) as usual_price_1h__n,
        sum(usual_price__sum) filter (where tile >= hop - 12) as usual_price_1h__sum,
        sum(usual_price__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as usual_price_1d__n,
        sum(usual_price__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as usual_price_1d__sum,
        list({n: cast(price_spread__n as double), mean: price_spread__mean, m2: price_spread__m2}) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12 and price_spread__n > 0) as price_spread_1d__parts,
        min(lowest_price__min) filter (where tile >= hop - 12) as lowest_price_1h__min,
        min(lowest_price__min) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as lowest_price_1d__min,
        max(highest_bid__max) filter (where tile >= hop - 12) as highest_bid_1h__max,
        max(last_price__last) filter (where arrived // 12 = hop // 12) as last_price__last,
        max(last_bid_at__last) filter (where arrived // 12 = hop // 12) as last_bid_at__last
    from (select distinct show_id, hop_300 as hop from hops)
    inner join tiles_5m_known using (show_id, hop)
    group by show_id, hop
),

tiles_1h_known as (
    select * replace (unnest(range(arrived + 1, tile + 24 + 1)) as hop)
    from {{ ref('show_activity_tiles') }}
    where hop = 3600
),

tiles_1h as (
    select
        show_id,
        hop,
        sum(views__n) filter (where tile >= hop - 24) as views_1d__n,
        sum(taps__n) filter (where tile >= hop - 24) as taps_1d__n,
        sum(bids__n) filter (where tile >= hop - 24) as bids_1d__n,
        sum(orders__n) filter (where tile >= hop - 24) as orders_1d__n,
        sum(sales__sum) filter (where tile >= hop - 24) as sales_1d__sum,
        sum(usual_price__n) filter (where tile >= hop - 24) as usual_price_1d__n,
        sum(usual_price__sum) filter (where tile >= hop - 24) as usual_price_1d__sum,
        list({n: cast(price_spread__n as double), mean: price_spread__mean, m2: price_spread__m2}) filter (where tile >= hop - 24 and price_spread__n > 0) as price_spread_1d__parts,
        min(lowest_price__min) filter (where tile >= hop - 24) as lowest_price_1d__min
    from (select distinct show_id, hop_3600 as hop from hops)
    inner join tiles_1h_known using (show_id, hop)
    group by show_id, hop
),

earlier as (
    -- The latest of all that was known by the end of each of the largest hops.
    select
        show_id,
        arrived,
        max(max(last_price__last)) over (partition by show_id order by arrived) as last_price__last,
        max(max(last_bid_at__last)) over (partition by show_id order by arrived) as last_bid_at__last
    from {{ ref('show_activity_tiles') }}
    where hop = 3600
    group by show_id, arrived
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

merged as (
    select
        hops.show_id,
        hops.asked_at,
        {{ sum_of(['tiles_5s.views_10m__n', 'tiles_30s.views_10m__n', 'head.views_10m__n']) }} as views_10m__n,
        {{ sum_of(['tiles_5s.views_1h__n', 'tiles_30s.views_1h__n', 'tiles_5m.views_1h__n', 'head.views_1h__n']) }} as views_1h__n,
        {{ sum_of(['tiles_5s.views_1d__n', 'tiles_30s.views_1d__n', 'tiles_5m.views_1d__n', 'tiles_1h.views_1d__n', 'head.views_1d__n']) }} as views_1d__n,
        {{ sum_of(['tiles_5s.taps_1m__n', 'head.taps_1m__n']) }} as taps_1m__n,
        {{ sum_of(['tiles_5s.taps_10m__n', 'tiles_30s.taps_10m__n', 'head.taps_10m__n']) }} as taps_10m__n,
        {{ sum_of(['tiles_5s.taps_1h__n', 'tiles_30s.taps_1h__n', 'tiles_5m.taps_1h__n', 'head.taps_1h__n']) }} as taps_1h__n,
        {{ sum_of(['tiles_5s.taps_1d__n', 'tiles_30s.taps_1d__n', 'tiles_5m.taps_1d__n', 'tiles_1h.taps_1d__n', 'head.taps_1d__n']) }} as taps_1d__n,
        {{ sum_of(['tiles_5s.chats_10m__n', 'tiles_30s.chats_10m__n', 'head.chats_10m__n']) }} as chats_10m__n,
        {{ sum_of(['tiles_5s.chats_1h__n', 'tiles_30s.chats_1h__n', 'tiles_5m.chats_1h__n', 'head.chats_1h__n']) }} as chats_1h__n,
        {{ sum_of(['tiles_5s.bids_10m__n', 'tiles_30s.bids_10m__n', 'head.bids_10m__n']) }} as bids_10m__n,
        {{ sum_of(['tiles_5s.bids_1h__n', 'tiles_30s.bids_1h__n', 'tiles_5m.bids_1h__n', 'head.bids_1h__n']) }} as bids_1h__n,
        {{ sum_of(['tiles_5s.bids_1d__n', 'tiles_30s.bids_1d__n', 'tiles_5m.bids_1d__n', 'tiles_1h.bids_1d__n', 'head.bids_1d__n']) }} as bids_1d__n,
        {{ sum_of(['tiles_5s.orders_10m__n', 'tiles_30s.orders_10m__n', 'head.orders_10m__n']) }} as orders_10m__n,
        {{ sum_of(['tiles_5s.orders_1h__n', 'tiles_30s.orders_1h__n', 'tiles_5m.orders_1h__n', 'head.orders_1h__n']) }} as orders_1h__n,
        {{ sum_of(['tiles_5s.orders_1d__n', 'tiles_30s.orders_1d__n', 'tiles_5m.orders_1d__n', 'tiles_1h.orders_1d__n', 'head.orders_1d__n']) }} as orders_1d__n,
        {{ sum_of(['tiles_5s.follows_1h__n', 'tiles_30s.follows_1h__n', 'tiles_5m.follows_1h__n', 'head.follows_1h__n']) }} as follows_1h__n,
        {{ sum_of(['tiles_5s.shares_1h__n', 'tiles_30s.shares_1h__n', 'tiles_5m.shares_1h__n', 'head.shares_1h__n']) }} as shares_1h__n,
        {{ sum_of(['tiles_5s.sales_10m__sum', 'tiles_30s.sales_10m__sum', 'head.sales_10m__sum']) }} as sales_10m__sum,
        {{ sum_of(['tiles_5s.sales_1h__sum', 'tiles_30s.sales_1h__sum', 'tiles_5m.sales_1h__sum', 'head.sales_1h__sum']) }} as sales_1h__sum,
        {{ sum_of(['tiles_5s.sales_1d__sum', 'tiles_30s.sales_1d__sum', 'tiles_5m.sales_1d__sum', 'tiles_1h.sales_1d__sum', 'head.sales_1d__sum']) }} as sales_1d__sum,
        {{ sum_of(['tiles_5s.watched_10m__sum', 'tiles_30s.watched_10m__sum', 'head.watched_10m__sum']) }} as watched_10m__sum,
        {{ sum_of(['tiles_5s.watched_1h__sum', 'tiles_30s.watched_1h__sum', 'tiles_5m.watched_1h__sum', 'head.watched_1h__sum']) }} as watched_1h__sum,
        {{ sum_of(['tiles_5s.usual_watch_10m__n', 'tiles_30s.usual_watch_10m__n', 'head.usual_watch_10m__n']) }} as usual_watch_10m__n,
        {{ sum_of(['tiles_5s.usual_watch_10m__sum', 'tiles_30s.usual_watch_10m__sum', 'head.usual_watch_10m__sum']) }} as usual_watch_10m__sum,
        {{ sum_of(['tiles_5s.usual_watch_1h__n', 'tiles_30s.usual_watch_1h__n', 'tiles_5m.usual_watch_1h__n', 'head.usual_watch_1h__n']) }} as usual_watch_1h__n,
        {{ sum_of(['tiles_5s.usual_watch_1h__sum', 'tiles_30s.usual_watch_1h__sum', 'tiles_5m.usual_watch_1h__sum', 'head.usual_watch_1h__sum']) }} as usual_watch_1h__sum,
        {{ sum_of(['tiles_5s.usual_price_1h__n', 'tiles_30s.usual_price_1h__n', 'tiles_5m.usual_price_1h__n', 'head.usual_price_1h__n']) }} as usual_price_1h__n,
        {{ sum_of(['tiles_5s.usual_price_1h__sum', 'tiles_30s.usual_price_1h__sum', 'tiles_5m.usual_price_1h__sum', 'head.usual_price_1h__sum']) }} as usual_price_1h__sum,
        {{ sum_of(['tiles_5s.usual_price_1d__n', 'tiles_30s.usual_price_1d__n', 'tiles_5m.usual_price_1d__n', 'tiles_1h.usual_price_1d__n', 'head.usual_price_1d__n']) }} as usual_price_1d__n,
        {{ sum_of(['tiles_5s.usual_price_1d__sum', 'tiles_30s.usual_price_1d__sum', 'tiles_5m.usual_price_1d__sum', 'tiles_1h.usual_price_1d__sum', 'head.usual_price_1d__sum']) }} as usual_price_1d__sum,
        {{ pooled(['tiles_5s.price_spread_1d__parts', 'tiles_30s.price_spread_1d__parts', 'tiles_5m.price_spread_1d__parts', 'tiles_1h.price_spread_1d__parts', 'head.price_spread_1d__parts']) }} as price_spread_1d__parts,
        {{ least_of(['tiles_5s.lowest_price_1h__min', 'tiles_30s.lowest_price_1h__min', 'tiles_5m.lowest_price_1h__min', 'head.lowest_price_1h__min']) }} as lowest_price_1h__min,
        {{ least_of(['tiles_5s.lowest_price_1d__min', 'tiles_30s.lowest_price_1d__min', 'tiles_5m.lowest_price_1d__min', 'tiles_1h.lowest_price_1d__min', 'head.lowest_price_1d__min']) }} as lowest_price_1d__min,
        {{ greatest_of(['tiles_5s.highest_bid_10m__max', 'tiles_30s.highest_bid_10m__max', 'head.highest_bid_10m__max']) }} as highest_bid_10m__max,
        {{ greatest_of(['tiles_5s.highest_bid_1h__max', 'tiles_30s.highest_bid_1h__max', 'tiles_5m.highest_bid_1h__max', 'head.highest_bid_1h__max']) }} as highest_bid_1h__max,
        {{ greatest_of(['tiles_5s.last_price__last', 'tiles_30s.last_price__last', 'tiles_5m.last_price__last', 'earlier.last_price__last', 'head.last_price__last']) }} as last_price__last,
        {{ greatest_of(['tiles_5s.last_bid_at__last', 'tiles_30s.last_bid_at__last', 'tiles_5m.last_bid_at__last', 'earlier.last_bid_at__last', 'head.last_bid_at__last']) }} as last_bid_at__last
    from hops
    left join tiles_5s
        on tiles_5s.show_id = hops.show_id
        and tiles_5s.hop = hops.hop_5
    left join tiles_30s
        on tiles_30s.show_id = hops.show_id
        and tiles_30s.hop = hops.hop_30
    left join tiles_5m
        on tiles_5m.show_id = hops.show_id
        and tiles_5m.hop = hops.hop_300
    left join tiles_1h
        on tiles_1h.show_id = hops.show_id
        and tiles_1h.hop = hops.hop_3600
    asof left join earlier
        on earlier.show_id = hops.show_id
        and hops.hop_3600 > earlier.arrived
    left join head
        on head.show_id = hops.show_id
        and head.asked_at = hops.asked_at
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
