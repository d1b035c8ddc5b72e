-- Written by `slate compile` from ViewerSellerHistory and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        spine.viewer_id,
        show_catalog.seller_id as seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('feed_ranking_v1__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
        and show_catalog.seller_id is not null
),

hops as (
    select
        *,
        {{ hop_number('asked_at', 300) }} as hop_300,
        {{ hop_number('asked_at', 3600) }} as hop_3600,
        {{ hop_number('asked_at', 86400) }} as hop_86400
    from asked
),

tiles_5m_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 12, arrived // 12 * 12 + 11) + 1)) as hop)
    from {{ ref('viewer_seller_history_tiles') }}
    where hop = 300
),

tiles_5m as (
    select
        viewer_id,
        seller_id,
        hop,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as views_1d__n,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 12) as taps_1h__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as taps_1d__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as taps_30d__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as orders_1d__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as orders_30d__n,
        sum(follows__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as follows_30d__n,
        sum(spend__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as spend_30d__sum,
        sum(watched__sum) filter (where tile >= hop - 12) as watched_1h__sum,
        sum(watched__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as watched_1d__sum,
        sum(watched__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as watched_30d__sum,
        max(last_seen__last) filter (where arrived // 12 = hop // 12) as last_seen__last
    from (select distinct viewer_id, seller_id, hop_300 as hop from hops)
    inner join tiles_5m_known using (viewer_id, seller_id, hop)
    group by viewer_id, seller_id, hop
),

tiles_1h_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 24, arrived // 24 * 24 + 23) + 1)) as hop)
    from {{ ref('viewer_seller_history_tiles') }}
    where hop = 3600
),

tiles_1h as (
    select
        viewer_id,
        seller_id,
        hop,
        sum(views__n) filter (where tile >= hop - 24) as views_1d__n,
        sum(views__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 24) as taps_1d__n,
        sum(taps__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as taps_30d__n,
        sum(orders__n) filter (where tile >= hop - 24) as orders_1d__n,
        sum(orders__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as orders_30d__n,
        sum(follows__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as follows_30d__n,
        sum(spend__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as spend_30d__sum,
        sum(watched__sum) filter (where tile >= hop - 24) as watched_1d__sum,
        sum(watched__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as watched_30d__sum,
        max(last_seen__last) filter (where arrived // 24 = hop // 24) as last_seen__last
    from (select distinct viewer_id, seller_id, hop_3600 as hop from hops)
    inner join tiles_1h_known using (viewer_id, seller_id, hop)
    group by viewer_id, seller_id, hop
),

tiles_1d_known as (
    select * replace (unnest(range(arrived + 1, tile + 30 + 1)) as hop)
    from {{ ref('viewer_seller_history_tiles') }}
    where hop = 86400
),

tiles_1d as (
    select
        viewer_id,
        seller_id,
        hop,
        sum(views__n) filter (where tile >= hop - 30) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 30) as taps_30d__n,
        sum(orders__n) filter (where tile >= hop - 30) as orders_30d__n,
        sum(follows__n) filter (where tile >= hop - 30) as follows_30d__n,
        sum(spend__sum) filter (where tile >= hop - 30) as spend_30d__sum,
        sum(watched__sum) filter (where tile >= hop - 30) as watched_30d__sum
    from (select distinct viewer_id, seller_id, hop_86400 as hop from hops)
    inner join tiles_1d_known using (viewer_id, seller_id, hop)
    group by viewer_id, seller_id, hop
),

earlier as (
    -- The latest of all that was known by the end of each of the largest hops.
    select
        viewer_id,
        seller_id,
        arrived,
        max(max(last_seen__last)) over (partition by viewer_id, seller_id order by arrived) as last_seen__last
    from {{ ref('viewer_seller_history_tiles') }}
    where hop = 86400
    group by viewer_id, seller_id, arrived
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

merged as (
    select
        hops.viewer_id,
        hops.seller_id,
        hops.asked_at,
        {{ sum_of(['tiles_5m.views_1d__n', 'tiles_1h.views_1d__n', 'head.views_1d__n']) }} as views_1d__n,
        {{ sum_of(['tiles_5m.views_30d__n', 'tiles_1h.views_30d__n', 'tiles_1d.views_30d__n', 'head.views_30d__n']) }} as views_30d__n,
        {{ sum_of(['tiles_5m.taps_1h__n', 'head.taps_1h__n']) }} as taps_1h__n,
        {{ sum_of(['tiles_5m.taps_1d__n', 'tiles_1h.taps_1d__n', 'head.taps_1d__n']) }} as taps_1d__n,
        {{ sum_of(['tiles_5m.taps_30d__n', 'tiles_1h.taps_30d__n', 'tiles_1d.taps_30d__n', 'head.taps_30d__n']) }} as taps_30d__n,
        {{ sum_of(['tiles_5m.orders_1d__n', 'tiles_1h.orders_1d__n', 'head.orders_1d__n']) }} as orders_1d__n,
        {{ sum_of(['tiles_5m.orders_30d__n', 'tiles_1h.orders_30d__n', 'tiles_1d.orders_30d__n', 'head.orders_30d__n']) }} as orders_30d__n,
        {{ sum_of(['tiles_5m.follows_30d__n', 'tiles_1h.follows_30d__n', 'tiles_1d.follows_30d__n', 'head.follows_30d__n']) }} as follows_30d__n,
        {{ sum_of(['tiles_5m.spend_30d__sum', 'tiles_1h.spend_30d__sum', 'tiles_1d.spend_30d__sum', 'head.spend_30d__sum']) }} as spend_30d__sum,
        {{ sum_of(['tiles_5m.watched_1h__sum', 'head.watched_1h__sum']) }} as watched_1h__sum,
        {{ sum_of(['tiles_5m.watched_1d__sum', 'tiles_1h.watched_1d__sum', 'head.watched_1d__sum']) }} as watched_1d__sum,
        {{ sum_of(['tiles_5m.watched_30d__sum', 'tiles_1h.watched_30d__sum', 'tiles_1d.watched_30d__sum', 'head.watched_30d__sum']) }} as watched_30d__sum,
        {{ greatest_of(['tiles_5m.last_seen__last', 'tiles_1h.last_seen__last', 'earlier.last_seen__last', 'head.last_seen__last']) }} as last_seen__last
    from hops
    left join tiles_5m
        on tiles_5m.viewer_id = hops.viewer_id
        and tiles_5m.seller_id = hops.seller_id
        and tiles_5m.hop = hops.hop_300
    left join tiles_1h
        on tiles_1h.viewer_id = hops.viewer_id
        and tiles_1h.seller_id = hops.seller_id
        and tiles_1h.hop = hops.hop_3600
    left join tiles_1d
        on tiles_1d.viewer_id = hops.viewer_id
        and tiles_1d.seller_id = hops.seller_id
        and tiles_1d.hop = hops.hop_86400
    asof left join earlier
        on earlier.viewer_id = hops.viewer_id
        and earlier.seller_id = hops.seller_id
        and hops.hop_86400 > earlier.arrived
    left join head
        on head.viewer_id = hops.viewer_id
        and head.seller_id = hops.seller_id
        and head.asked_at = hops.asked_at
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
