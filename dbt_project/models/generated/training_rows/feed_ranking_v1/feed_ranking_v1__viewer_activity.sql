-- Written by `slate compile` from ViewerActivity and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

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
        *,
        {{ hop_number('asked_at', 5) }} as hop_5,
        {{ hop_number('asked_at', 30) }} as hop_30,
        {{ hop_number('asked_at', 300) }} as hop_300,
        {{ hop_number('asked_at', 3600) }} as hop_3600,
        {{ hop_number('asked_at', 86400) }} as hop_86400
    from asked
),

tiles_5s_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 12, arrived // 6 * 6 + 5) + 1)) as hop)
    from {{ ref('viewer_activity_tiles') }}
    where hop = 5
),

tiles_5s as (
    select
        viewer_id,
        hop,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as views_10m__n,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as views_1h__n,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as views_1d__n,
        sum(views__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 12) as taps_1m__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as taps_10m__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as taps_1h__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as taps_1d__n,
        sum(taps__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as taps_30d__n,
        sum(chats__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as chats_10m__n,
        sum(chats__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as chats_1h__n,
        sum(chats__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as chats_1d__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as bids_10m__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as bids_1h__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as bids_1d__n,
        sum(bids__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as bids_30d__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as orders_1h__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as orders_1d__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as orders_30d__n,
        sum(follows__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as follows_1d__n,
        sum(follows__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as follows_30d__n,
        sum(watched__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as watched_10m__sum,
        sum(watched__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as watched_1h__sum,
        sum(watched__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as watched_1d__sum,
        sum(watched__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as watched_30d__sum,
        max(longest_watch__max) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as longest_watch_1h__max,
        max(longest_watch__max) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as longest_watch_1d__max,
        sum(spend__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as spend_1d__sum,
        sum(spend__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as spend_30d__sum,
        sum(usual_bid__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as usual_bid_1d__n,
        sum(usual_bid__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as usual_bid_1d__sum,
        sum(usual_bid__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as usual_bid_30d__n,
        sum(usual_bid__sum) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280) as usual_bid_30d__sum,
        list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where arrived // 6 = hop // 6 and tile >= (hop // 17280 - 30) * 17280 and bid_spread__n > 0) as bid_spread_30d__parts,
        max(last_show__last) filter (where arrived // 6 = hop // 6) as last_show__last,
        max(last_category__last) filter (where arrived // 6 = hop // 6) as last_category__last,
        max(last_seen__last) filter (where arrived // 6 = hop // 6) as last_seen__last
    from (select distinct viewer_id, hop_5 as hop from hops)
    inner join tiles_5s_known using (viewer_id, hop)
    group by viewer_id, hop
),

tiles_30s_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 20, arrived // 10 * 10 + 9) + 1)) as hop)
    from {{ ref('viewer_activity_tiles') }}
    where hop = 30
),

tiles_30s as (
    select
        viewer_id,
        hop,
        sum(views__n) filter (where tile >= hop - 20) as views_10m__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as views_1h__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as views_1d__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 20) as taps_10m__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as taps_1h__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as taps_1d__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as taps_30d__n,
        sum(chats__n) filter (where tile >= hop - 20) as chats_10m__n,
        sum(chats__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as chats_1h__n,
        sum(chats__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as chats_1d__n,
        sum(bids__n) filter (where tile >= hop - 20) as bids_10m__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as bids_1h__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as bids_1d__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as bids_30d__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as orders_1h__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as orders_1d__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as orders_30d__n,
        sum(follows__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as follows_1d__n,
        sum(follows__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as follows_30d__n,
        sum(watched__sum) filter (where tile >= hop - 20) as watched_10m__sum,
        sum(watched__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as watched_1h__sum,
        sum(watched__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as watched_1d__sum,
        sum(watched__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as watched_30d__sum,
        max(longest_watch__max) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as longest_watch_1h__max,
        max(longest_watch__max) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as longest_watch_1d__max,
        sum(spend__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as spend_1d__sum,
        sum(spend__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as spend_30d__sum,
        sum(usual_bid__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as usual_bid_1d__n,
        sum(usual_bid__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as usual_bid_1d__sum,
        sum(usual_bid__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as usual_bid_30d__n,
        sum(usual_bid__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as usual_bid_30d__sum,
        list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880 and bid_spread__n > 0) as bid_spread_30d__parts,
        max(last_show__last) filter (where arrived // 10 = hop // 10) as last_show__last,
        max(last_category__last) filter (where arrived // 10 = hop // 10) as last_category__last,
        max(last_seen__last) filter (where arrived // 10 = hop // 10) as last_seen__last
    from (select distinct viewer_id, hop_30 as hop from hops)
    inner join tiles_30s_known using (viewer_id, hop)
    group by viewer_id, hop
),

tiles_5m_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 12, arrived // 12 * 12 + 11) + 1)) as hop)
    from {{ ref('viewer_activity_tiles') }}
    where hop = 300
),

tiles_5m as (
    select
        viewer_id,
        hop,
        sum(views__n) filter (where tile >= hop - 12) as views_1h__n,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as views_1d__n,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 12) as taps_1h__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as taps_1d__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as taps_30d__n,
        sum(chats__n) filter (where tile >= hop - 12) as chats_1h__n,
        sum(chats__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as chats_1d__n,
        sum(bids__n) filter (where tile >= hop - 12) as bids_1h__n,
        sum(bids__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as bids_1d__n,
        sum(bids__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as bids_30d__n,
        sum(orders__n) filter (where tile >= hop - 12) as orders_1h__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as orders_1d__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as orders_30d__n,
        sum(follows__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as follows_1d__n,
        sum(follows__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as follows_30d__n,
        sum(watched__sum) filter (where tile >= hop - 12) as watched_1h__sum,
        sum(watched__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as watched_1d__sum,
        sum(watched__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as watched_30d__sum,
        max(longest_watch__max) filter (where tile >= hop - 12) as longest_watch_1h__max,
        max(longest_watch__max) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as longest_watch_1d__max,
        sum(spend__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as spend_1d__sum,
        sum(spend__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as spend_30d__sum,
        sum(usual_bid__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as usual_bid_1d__n,
        sum(usual_bid__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as usual_bid_1d__sum,
        sum(usual_bid__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as usual_bid_30d__n,
        sum(usual_bid__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as usual_bid_30d__sum,
        list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288 and bid_spread__n > 0) as bid_spread_30d__parts,
        max(last_show__last) filter (where arrived // 12 = hop // 12) as last_show__last,
        max(last_category__last) filter (where arrived // 12 = hop // 12) as last_category__last,
        max(last_seen__last) filter (where arrived // 12 = hop // 12) as last_seen__last
    from (select distinct viewer_id, hop_300 as hop from hops)
    inner join tiles_5m_known using (viewer_id, hop)
    group by viewer_id, hop
),

tiles_1h_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 24, arrived // 24 * 24 + 23) + 1)) as hop)
    from {{ ref('viewer_activity_tiles') }}
    where hop = 3600
),

tiles_1h as (
    select
        viewer_id,
        hop,
        sum(views__n) filter (where tile >= hop - 24) as views_1d__n,
        sum(views__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 24) as taps_1d__n,
        sum(taps__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as taps_30d__n,
        sum(chats__n) filter (where tile >= hop - 24) as chats_1d__n,
        sum(bids__n) filter (where tile >= hop - 24) as bids_1d__n,
        sum(bids__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as bids_30d__n,
        sum(orders__n) filter (where tile >= hop - 24) as orders_1d__n,
        sum(orders__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as orders_30d__n,
        sum(follows__n) filter (where tile >= hop - 24) as follows_1d__n,
        sum(follows__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as follows_30d__n,
        sum(watched__sum) filter (where tile >= hop - 24) as watched_1d__sum,
        sum(watched__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as watched_30d__sum,
        max(longest_watch__max) filter (where tile >= hop - 24) as longest_watch_1d__max,
        sum(spend__sum) filter (where tile >= hop - 24) as spend_1d__sum,
        sum(spend__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as spend_30d__sum,
        sum(usual_bid__n) filter (where tile >= hop - 24) as usual_bid_1d__n,
        sum(usual_bid__sum) filter (where tile >= hop - 24) as usual_bid_1d__sum,
        sum(usual_bid__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as usual_bid_30d__n,
        sum(usual_bid__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as usual_bid_30d__sum,
        list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24 and bid_spread__n > 0) as bid_spread_30d__parts,
        max(last_show__last) filter (where arrived // 24 = hop // 24) as last_show__last,
        max(last_category__last) filter (where arrived // 24 = hop // 24) as last_category__last,
        max(last_seen__last) filter (where arrived // 24 = hop // 24) as last_seen__last
    from (select distinct viewer_id, hop_3600 as hop from hops)
    inner join tiles_1h_known using (viewer_id, hop)
    group by viewer_id, hop
),

tiles_1d_known as (
    select * replace (unnest(range(arrived + 1, tile + 30 + 1)) as hop)
    from {{ ref('viewer_activity_tiles') }}
    where hop = 86400
),

tiles_1d as (
    select
        viewer_id,
        hop,
        sum(views__n) filter (where tile >= hop - 30) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 30) as taps_30d__n,
        sum(bids__n) filter (where tile >= hop - 30) as bids_30d__n,
        sum(orders__n) filter (where tile >= hop - 30) as orders_30d__n,
        sum(follows__n) filter (where tile >= hop - 30) as follows_30d__n,
        sum(watched__sum) filter (where tile >= hop - 30) as watched_30d__sum,
        sum(spend__sum) filter (where tile >= hop - 30) as spend_30d__sum,
        sum(usual_bid__n) filter (where tile >= hop - 30) as usual_bid_30d__n,
        sum(usual_bid__sum) filter (where tile >= hop - 30) as usual_bid_30d__sum,
        list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where tile >= hop - 30 and bid_spread__n > 0) as bid_spread_30d__parts
    from (select distinct viewer_id, hop_86400 as hop from hops)
    inner join tiles_1d_known using (viewer_id, hop)
    group by viewer_id, hop
),

recent_shows_tiles_5s as (
    -- The latest of what arrived in the open hop of the next size, in the hops of it that closed.
    select
        wanted.viewer_id,
        wanted.hop,
        {{ latest_of('list(tiles.recent_shows__last)', 10) }} as recent_shows__last
    from (select distinct viewer_id, hop_5 as hop from hops) as wanted
    inner join {{ ref('viewer_activity_tiles') }} as tiles
        on tiles.viewer_id = wanted.viewer_id
        and tiles.arrived // 6 = wanted.hop // 6
        and tiles.arrived < wanted.hop
    where tiles.hop = 5
    group by wanted.viewer_id, wanted.hop
),

recent_shows_tiles_30s as (
    -- The latest of what arrived in the open hop of the next size, in the hops of it that closed.
    select
        wanted.viewer_id,
        wanted.hop,
        {{ latest_of('list(tiles.recent_shows__last)', 10) }} as recent_shows__last
    from (select distinct viewer_id, hop_30 as hop from hops) as wanted
    inner join {{ ref('viewer_activity_tiles') }} as tiles
        on tiles.viewer_id = wanted.viewer_id
        and tiles.arrived // 10 = wanted.hop // 10
        and tiles.arrived < wanted.hop
    where tiles.hop = 30
    group by wanted.viewer_id, wanted.hop
),

recent_shows_tiles_5m as (
    -- The latest of what arrived in the open hop of the next size, in the hops of it that closed.
    select
        wanted.viewer_id,
        wanted.hop,
        {{ latest_of('list(tiles.recent_shows__last)', 10) }} as recent_shows__last
    from (select distinct viewer_id, hop_300 as hop from hops) as wanted
    inner join {{ ref('viewer_activity_tiles') }} as tiles
        on tiles.viewer_id = wanted.viewer_id
        and tiles.arrived // 12 = wanted.hop // 12
        and tiles.arrived < wanted.hop
    where tiles.hop = 300
    group by wanted.viewer_id, wanted.hop
),

recent_shows_tiles_1h as (
    -- The latest of what arrived in the open hop of the next size, in the hops of it that closed.
    select
        wanted.viewer_id,
        wanted.hop,
        {{ latest_of('list(tiles.recent_shows__last)', 10) }} as recent_shows__last
    from (select distinct viewer_id, hop_3600 as hop from hops) as wanted
    inner join {{ ref('viewer_activity_tiles') }} as tiles
        on tiles.viewer_id = wanted.viewer_id
        and tiles.arrived // 24 = wanted.hop // 24
        and tiles.arrived < wanted.hop
    where tiles.hop = 3600
    group by wanted.viewer_id, wanted.hop
),

earlier as (
    -- The latest of all that was known by the end of each of the largest hops.
    select
        viewer_id,
        arrived,
        max(max(last_show__last)) over (partition by viewer_id order by arrived) as last_show__last,
        max(max(last_category__last)) over (partition by viewer_id order by arrived) as last_category__last,
        max(max(last_seen__last)) over (partition by viewer_id order by arrived) as last_seen__last
    from {{ ref('viewer_activity_tiles') }}
    where hop = 86400
    group by viewer_id, arrived
),

recent_shows_in_time as (
    -- By the end of each of the largest hops, the latest of what arrived in the hop of its time:
    -- it lies in the last tiles that hold so many events.
    select
        viewer_id,
        arrived,
        {{ latest_of('list(recent_shows__last) over latest', 10) }} as recent_shows__last
    from (
        select *, sum(len(recent_shows__last)) over (partition by viewer_id order by arrived) as recent_shows__last__n
        from {{ ref('viewer_activity_tiles') }}
        where hop = 86400 and tile = arrived and recent_shows__last is not null
    )
    window latest as (
        partition by viewer_id order by recent_shows__last__n
        range between 9 preceding and current row
    )
),

recent_shows_late as (
    -- And of what arrived in a later hop.
    select
        viewer_id,
        arrived,
        max(recent_shows__last, 10) over (partition by viewer_id order by arrived) as recent_shows__last
    from (
        select viewer_id, arrived, unnest(recent_shows__last) as recent_shows__last
        from {{ ref('viewer_activity_tiles') }}
        where hop = 86400 and tile < arrived
    )
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
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: show_id}, 10) as recent_shows__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: category}) filter (where kind in ('tap', 'bid', 'purchase')) as last_category__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) as last_seen__last
    from hops
    inner join (
        select *, {{ hop_number('received_at', 5) }} as hop_5 from {{ ref('stg_events') }}
    ) as events using (viewer_id, hop_5)
    where received_at < asked_at
    group by viewer_id, asked_at
),

merged as (
    select
        hops.viewer_id,
        hops.asked_at,
        {{ sum_of(['tiles_5s.views_10m__n', 'tiles_30s.views_10m__n', 'head.views_10m__n']) }} as views_10m__n,
        {{ sum_of(['tiles_5s.views_1h__n', 'tiles_30s.views_1h__n', 'tiles_5m.views_1h__n', 'head.views_1h__n']) }} as views_1h__n,
        {{ sum_of(['tiles_5s.views_1d__n', 'tiles_30s.views_1d__n', 'tiles_5m.views_1d__n', 'tiles_1h.views_1d__n', 'head.views_1d__n']) }} as views_1d__n,
        {{ sum_of(['tiles_5s.views_30d__n', 'tiles_30s.views_30d__n', 'tiles_5m.views_30d__n', 'tiles_1h.views_30d__n', 'tiles_1d.views_30d__n', 'head.views_30d__n']) }} as views_30d__n,
        {{ sum_of(['tiles_5s.taps_1m__n', 'head.taps_1m__n']) }} as taps_1m__n,
        {{ sum_of(['tiles_5s.taps_10m__n', 'tiles_30s.taps_10m__n', 'head.taps_10m__n']) }} as taps_10m__n,
        {{ sum_of(['tiles_5s.taps_1h__n', 'tiles_30s.taps_1h__n', 'tiles_5m.taps_1h__n', 'head.taps_1h__n']) }} as taps_1h__n,
        {{ sum_of(['tiles_5s.taps_1d__n', 'tiles_30s.taps_1d__n', 'tiles_5m.taps_1d__n', 'tiles_1h.taps_1d__n', 'head.taps_1d__n']) }} as taps_1d__n,
        {{ sum_of(['tiles_5s.taps_30d__n', 'tiles_30s.taps_30d__n', 'tiles_5m.taps_30d__n', 'tiles_1h.taps_30d__n', 'tiles_1d.taps_30d__n', 'head.taps_30d__n']) }} as taps_30d__n,
        {{ sum_of(['tiles_5s.chats_10m__n', 'tiles_30s.chats_10m__n', 'head.chats_10m__n']) }} as chats_10m__n,
        {{ sum_of(['tiles_5s.chats_1h__n', 'tiles_30s.chats_1h__n', 'tiles_5m.chats_1h__n', 'head.chats_1h__n']) }} as chats_1h__n,
        {{ sum_of(['tiles_5s.chats_1d__n', 'tiles_30s.chats_1d__n', 'tiles_5m.chats_1d__n', 'tiles_1h.chats_1d__n', 'head.chats_1d__n']) }} as chats_1d__n,
        {{ sum_of(['tiles_5s.bids_10m__n', 'tiles_30s.bids_10m__n', 'head.bids_10m__n']) }} as bids_10m__n,
        {{ sum_of(['tiles_5s.bids_1h__n', 'tiles_30s.bids_1h__n', 'tiles_5m.bids_1h__n', 'head.bids_1h__n']) }} as bids_1h__n,
        {{ sum_of(['tiles_5s.bids_1d__n', 'tiles_30s.bids_1d__n', 'tiles_5m.bids_1d__n', 'tiles_1h.bids_1d__n', 'head.bids_1d__n']) }} as bids_1d__n,
        {{ sum_of(['tiles_5s.bids_30d__n', 'tiles_30s.bids_30d__n', 'tiles_5m.bids_30d__n', 'tiles_1h.bids_30d__n', 'tiles_1d.bids_30d__n', 'head.bids_30d__n']) }} as bids_30d__n,
        {{ sum_of(['tiles_5s.orders_1h__n', 'tiles_30s.orders_1h__n', 'tiles_5m.orders_1h__n', 'head.orders_1h__n']) }} as orders_1h__n,
        {{ sum_of(['tiles_5s.orders_1d__n', 'tiles_30s.orders_1d__n', 'tiles_5m.orders_1d__n', 'tiles_1h.orders_1d__n', 'head.orders_1d__n']) }} as orders_1d__n,
        {{ sum_of(['tiles_5s.orders_30d__n', 'tiles_30s.orders_30d__n', 'tiles_5m.orders_30d__n', 'tiles_1h.orders_30d__n', 'tiles_1d.orders_30d__n', 'head.orders_30d__n']) }} as orders_30d__n,
        {{ sum_of(['tiles_5s.follows_1d__n', 'tiles_30s.follows_1d__n', 'tiles_5m.follows_1d__n', 'tiles_1h.follows_1d__n', 'head.follows_1d__n']) }} as follows_1d__n,
        {{ sum_of(['tiles_5s.follows_30d__n', 'tiles_30s.follows_30d__n', 'tiles_5m.follows_30d__n', 'tiles_1h.follows_30d__n', 'tiles_1d.follows_30d__n', 'head.follows_30d__n']) }} as follows_30d__n,
        {{ sum_of(['tiles_5s.watched_10m__sum', 'tiles_30s.watched_10m__sum', 'head.watched_10m__sum']) }} as watched_10m__sum,
        {{ sum_of(['tiles_5s.watched_1h__sum', 'tiles_30s.watched_1h__sum', 'tiles_5m.watched_1h__sum', 'head.watched_1h__sum']) }} as watched_1h__sum,
        {{ sum_of(['tiles_5s.watched_1d__sum', 'tiles_30s.watched_1d__sum', 'tiles_5m.watched_1d__sum', 'tiles_1h.watched_1d__sum', 'head.watched_1d__sum']) }} as watched_1d__sum,
        {{ sum_of(['tiles_5s.watched_30d__sum', 'tiles_30s.watched_30d__sum', 'tiles_5m.watched_30d__sum', 'tiles_1h.watched_30d__sum', 'tiles_1d.watched_30d__sum', 'head.watched_30d__sum']) }} as watched_30d__sum,
        {{ greatest_of(['tiles_5s.longest_watch_1h__max', 'tiles_30s.longest_watch_1h__max', 'tiles_5m.longest_watch_1h__max', 'head.longest_watch_1h__max']) }} as longest_watch_1h__max,
        {{ greatest_of(['tiles_5s.longest_watch_1d__max', 'tiles_30s.longest_watch_1d__max', 'tiles_5m.longest_watch_1d__max', 'tiles_1h.longest_watch_1d__max', 'head.longest_watch_1d__max']) }} as longest_watch_1d__max,
        {{ sum_of(['tiles_5s.spend_1d__sum', 'tiles_30s.spend_1d__sum', 'tiles_5m.spend_1d__sum', 'tiles_1h.spend_1d__sum', 'head.spend_1d__sum']) }} as spend_1d__sum,
        {{ sum_of(['tiles_5s.spend_30d__sum', 'tiles_30s.spend_30d__sum', 'tiles_5m.spend_30d__sum', 'tiles_1h.spend_30d__sum', 'tiles_1d.spend_30d__sum', 'head.spend_30d__sum']) }} as spend_30d__sum,
        {{ sum_of(['tiles_5s.usual_bid_1d__n', 'tiles_30s.usual_bid_1d__n', 'tiles_5m.usual_bid_1d__n', 'tiles_1h.usual_bid_1d__n', 'head.usual_bid_1d__n']) }} as usual_bid_1d__n,
        {{ sum_of(['tiles_5s.usual_bid_1d__sum', 'tiles_30s.usual_bid_1d__sum', 'tiles_5m.usual_bid_1d__sum', 'tiles_1h.usual_bid_1d__sum', 'head.usual_bid_1d__sum']) }} as usual_bid_1d__sum,
        {{ sum_of(['tiles_5s.usual_bid_30d__n', 'tiles_30s.usual_bid_30d__n', 'tiles_5m.usual_bid_30d__n', 'tiles_1h.usual_bid_30d__n', 'tiles_1d.usual_bid_30d__n', 'head.usual_bid_30d__n']) }} as usual_bid_30d__n,
        {{ sum_of(['tiles_5s.usual_bid_30d__sum', 'tiles_30s.usual_bid_30d__sum', 'tiles_5m.usual_bid_30d__sum', 'tiles_1h.usual_bid_30d__sum', 'tiles_1d.usual_bid_30d__sum', 'head.usual_bid_30d__sum']) }} as usual_bid_30d__sum,
        {{ pooled(['tiles_5s.bid_spread_30d__parts', 'tiles_30s.bid_spread_30d__parts', 'tiles_5m.bid_spread_30d__parts', 'tiles_1h.bid_spread_30d__parts', 'tiles_1d.bid_spread_30d__parts', 'head.bid_spread_30d__parts']) }} as bid_spread_30d__parts,
        {{ greatest_of(['tiles_5s.last_show__last', 'tiles_30s.last_show__last', 'tiles_5m.last_show__last', 'tiles_1h.last_show__last', 'earlier.last_show__last', 'head.last_show__last']) }} as last_show__last,
        {{ latest_of('[recent_shows_tiles_5s.recent_shows__last, recent_shows_tiles_30s.recent_shows__last, recent_shows_tiles_5m.recent_shows__last, recent_shows_tiles_1h.recent_shows__last, recent_shows_in_time.recent_shows__last, recent_shows_late.recent_shows__last, head.recent_shows__last]', 10) }} as recent_shows__last,
        {{ greatest_of(['tiles_5s.last_category__last', 'tiles_30s.last_category__last', 'tiles_5m.last_category__last', 'tiles_1h.last_category__last', 'earlier.last_category__last', 'head.last_category__last']) }} as last_category__last,
        {{ greatest_of(['tiles_5s.last_seen__last', 'tiles_30s.last_seen__last', 'tiles_5m.last_seen__last', 'tiles_1h.last_seen__last', 'earlier.last_seen__last', 'head.last_seen__last']) }} as last_seen__last
    from hops
    left join tiles_5s
        on tiles_5s.viewer_id = hops.viewer_id
        and tiles_5s.hop = hops.hop_5
    left join tiles_30s
        on tiles_30s.viewer_id = hops.viewer_id
        and tiles_30s.hop = hops.hop_30
    left join tiles_5m
        on tiles_5m.viewer_id = hops.viewer_id
        and tiles_5m.hop = hops.hop_300
    left join tiles_1h
        on tiles_1h.viewer_id = hops.viewer_id
        and tiles_1h.hop = hops.hop_3600
    left join tiles_1d
        on tiles_1d.viewer_id = hops.viewer_id
        and tiles_1d.hop = hops.hop_86400
    left join recent_shows_tiles_5s
        on recent_shows_tiles_5s.viewer_id = hops.viewer_id
        and recent_shows_tiles_5s.hop = hops.hop_5
    left join recent_shows_tiles_30s
        on recent_shows_tiles_30s.viewer_id = hops.viewer_id
        and recent_shows_tiles_30s.hop = hops.hop_30
    left join recent_shows_tiles_5m
        on recent_shows_tiles_5m.viewer_id = hops.viewer_id
        and recent_shows_tiles_5m.hop = hops.hop_300
    left join recent_shows_tiles_1h
        on recent_shows_tiles_1h.viewer_id = hops.viewer_id
        and recent_shows_tiles_1h.hop = hops.hop_3600
    asof left join earlier
        on earlier.viewer_id = hops.viewer_id
        and hops.hop_86400 > earlier.arrived
    asof left join recent_shows_in_time
        on recent_shows_in_time.viewer_id = hops.viewer_id
        and hops.hop_86400 > recent_shows_in_time.arrived
    asof left join recent_shows_late
        on recent_shows_late.viewer_id = hops.viewer_id
        and hops.hop_86400 > recent_shows_late.arrived
    left join head
        on head.viewer_id = hops.viewer_id
        and head.asked_at = hops.asked_at
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
