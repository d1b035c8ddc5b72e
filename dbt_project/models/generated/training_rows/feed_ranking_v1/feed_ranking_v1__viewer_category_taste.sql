-- Written by `slate compile` from ViewerCategoryTaste and FeatureService('feed_ranking', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        spine.viewer_id,
        coalesce(show_catalog.category, 'other') as category,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('feed_ranking_v1__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
        and coalesce(show_catalog.category, 'other') is not null
),

hops as (
    select
        *,
        {{ hop_number('asked_at', 30) }} as hop_30,
        {{ hop_number('asked_at', 300) }} as hop_300,
        {{ hop_number('asked_at', 3600) }} as hop_3600,
        {{ hop_number('asked_at', 86400) }} as hop_86400
    from asked
),

tiles_30s_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 20, arrived // 10 * 10 + 9) + 1)) as hop)
    from {{ ref('viewer_category_taste_tiles') }}
    where hop = 30
),

tiles_30s as (
    select
        viewer_id,
        category,
        hop,
        sum(views__n) filter (where tile >= hop - 20) as views_10m__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as views_1h__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as views_1d__n,
        sum(views__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 20) as taps_10m__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as taps_1h__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as taps_1d__n,
        sum(taps__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as taps_30d__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as bids_1h__n,
        sum(bids__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as bids_30d__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as orders_1d__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as orders_30d__n,
        sum(watched__sum) filter (where tile >= hop - 20) as watched_10m__sum,
        sum(watched__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as watched_1h__sum,
        sum(watched__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as watched_30d__sum,
        sum(usual_price__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as usual_price_30d__n,
        sum(usual_price__sum) filter (where arrived // 10 = hop // 10 and tile >= (hop // 2880 - 30) * 2880) as usual_price_30d__sum,
        max(last_tap__last) filter (where arrived // 10 = hop // 10) as last_tap__last
    from (select distinct viewer_id, category, hop_30 as hop from hops)
    inner join tiles_30s_known using (viewer_id, category, hop)
    group by viewer_id, category, hop
),

tiles_5m_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 12, arrived // 12 * 12 + 11) + 1)) as hop)
    from {{ ref('viewer_category_taste_tiles') }}
    where hop = 300
),

tiles_5m as (
    select
        viewer_id,
        category,
        hop,
        sum(views__n) filter (where tile >= hop - 12) as views_1h__n,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as views_1d__n,
        sum(views__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 12) as taps_1h__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as taps_1d__n,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as taps_30d__n,
        sum(bids__n) filter (where tile >= hop - 12) as bids_1h__n,
        sum(bids__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as bids_30d__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as orders_1d__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as orders_30d__n,
        sum(watched__sum) filter (where tile >= hop - 12) as watched_1h__sum,
        sum(watched__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as watched_30d__sum,
        sum(usual_price__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as usual_price_30d__n,
        sum(usual_price__sum) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as usual_price_30d__sum,
        max(last_tap__last) filter (where arrived // 12 = hop // 12) as last_tap__last
    from (select distinct viewer_id, category, hop_300 as hop from hops)
    inner join tiles_5m_known using (viewer_id, category, hop)
    group by viewer_id, category, hop
),

tiles_1h_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 24, arrived // 24 * 24 + 23) + 1)) as hop)
    from {{ ref('viewer_category_taste_tiles') }}
    where hop = 3600
),

tiles_1h as (
    select
        viewer_id,
        category,
        hop,
        sum(views__n) filter (where tile >= hop - 24) as views_1d__n,
        sum(views__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 24) as taps_1d__n,
        sum(taps__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as taps_30d__n,
        sum(bids__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as bids_30d__n,
        sum(orders__n) filter (where tile >= hop - 24) as orders_1d__n,
        sum(orders__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as orders_30d__n,
        sum(watched__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as watched_30d__sum,
        sum(usual_price__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as usual_price_30d__n,
        sum(usual_price__sum) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as usual_price_30d__sum,
        max(last_tap__last) filter (where arrived // 24 = hop // 24) as last_tap__last
    from (select distinct viewer_id, category, hop_3600 as hop from hops)
    inner join tiles_1h_known using (viewer_id, category, hop)
    group by viewer_id, category, hop
),

tiles_1d_known as (
    select * replace (unnest(range(arrived + 1, tile + 30 + 1)) as hop)
    from {{ ref('viewer_category_taste_tiles') }}
    where hop = 86400
),

tiles_1d as (
    select
        viewer_id,
        category,
        hop,
        sum(views__n) filter (where tile >= hop - 30) as views_30d__n,
        sum(taps__n) filter (where tile >= hop - 30) as taps_30d__n,
        sum(bids__n) filter (where tile >= hop - 30) as bids_30d__n,
        sum(orders__n) filter (where tile >= hop - 30) as orders_30d__n,
        sum(watched__sum) filter (where tile >= hop - 30) as watched_30d__sum,
        sum(usual_price__n) filter (where tile >= hop - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where tile >= hop - 30) as usual_price_30d__sum
    from (select distinct viewer_id, category, hop_86400 as hop from hops)
    inner join tiles_1d_known using (viewer_id, category, hop)
    group by viewer_id, category, hop
),

earlier as (
    -- Of all that was known by the end of each of the largest hops.
    select
        viewer_id,
        category,
        arrived,
        max(max(last_tap__last)) over (partition by viewer_id, category order by arrived) as last_tap__last
    from {{ ref('viewer_category_taste_tiles') }}
    where hop = 86400
    group by viewer_id, category, arrived
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

merged as (
    select
        hops.viewer_id,
        hops.category,
        hops.asked_at,
        {{ sum_of(['tiles_30s.views_10m__n', 'head.views_10m__n']) }} as views_10m__n,
        {{ sum_of(['tiles_30s.views_1h__n', 'tiles_5m.views_1h__n', 'head.views_1h__n']) }} as views_1h__n,
        {{ sum_of(['tiles_30s.views_1d__n', 'tiles_5m.views_1d__n', 'tiles_1h.views_1d__n', 'head.views_1d__n']) }} as views_1d__n,
        {{ sum_of(['tiles_30s.views_30d__n', 'tiles_5m.views_30d__n', 'tiles_1h.views_30d__n', 'tiles_1d.views_30d__n', 'head.views_30d__n']) }} as views_30d__n,
        {{ sum_of(['tiles_30s.taps_10m__n', 'head.taps_10m__n']) }} as taps_10m__n,
        {{ sum_of(['tiles_30s.taps_1h__n', 'tiles_5m.taps_1h__n', 'head.taps_1h__n']) }} as taps_1h__n,
        {{ sum_of(['tiles_30s.taps_1d__n', 'tiles_5m.taps_1d__n', 'tiles_1h.taps_1d__n', 'head.taps_1d__n']) }} as taps_1d__n,
        {{ sum_of(['tiles_30s.taps_30d__n', 'tiles_5m.taps_30d__n', 'tiles_1h.taps_30d__n', 'tiles_1d.taps_30d__n', 'head.taps_30d__n']) }} as taps_30d__n,
        {{ sum_of(['tiles_30s.bids_1h__n', 'tiles_5m.bids_1h__n', 'head.bids_1h__n']) }} as bids_1h__n,
        {{ sum_of(['tiles_30s.bids_30d__n', 'tiles_5m.bids_30d__n', 'tiles_1h.bids_30d__n', 'tiles_1d.bids_30d__n', 'head.bids_30d__n']) }} as bids_30d__n,
        {{ sum_of(['tiles_30s.orders_1d__n', 'tiles_5m.orders_1d__n', 'tiles_1h.orders_1d__n', 'head.orders_1d__n']) }} as orders_1d__n,
        {{ sum_of(['tiles_30s.orders_30d__n', 'tiles_5m.orders_30d__n', 'tiles_1h.orders_30d__n', 'tiles_1d.orders_30d__n', 'head.orders_30d__n']) }} as orders_30d__n,
        {{ sum_of(['tiles_30s.watched_10m__sum', 'head.watched_10m__sum']) }} as watched_10m__sum,
        {{ sum_of(['tiles_30s.watched_1h__sum', 'tiles_5m.watched_1h__sum', 'head.watched_1h__sum']) }} as watched_1h__sum,
        {{ sum_of(['tiles_30s.watched_30d__sum', 'tiles_5m.watched_30d__sum', 'tiles_1h.watched_30d__sum', 'tiles_1d.watched_30d__sum', 'head.watched_30d__sum']) }} as watched_30d__sum,
        {{ sum_of(['tiles_30s.usual_price_30d__n', 'tiles_5m.usual_price_30d__n', 'tiles_1h.usual_price_30d__n', 'tiles_1d.usual_price_30d__n', 'head.usual_price_30d__n']) }} as usual_price_30d__n,
        {{ sum_of(['tiles_30s.usual_price_30d__sum', 'tiles_5m.usual_price_30d__sum', 'tiles_1h.usual_price_30d__sum', 'tiles_1d.usual_price_30d__sum', 'head.usual_price_30d__sum']) }} as usual_price_30d__sum,
        {{ greatest_of(['tiles_30s.last_tap__last', 'tiles_5m.last_tap__last', 'tiles_1h.last_tap__last', 'earlier.last_tap__last', 'head.last_tap__last']) }} as last_tap__last
    from hops
    left join tiles_30s
        on tiles_30s.viewer_id = hops.viewer_id
        and tiles_30s.category = hops.category
        and tiles_30s.hop = hops.hop_30
    left join tiles_5m
        on tiles_5m.viewer_id = hops.viewer_id
        and tiles_5m.category = hops.category
        and tiles_5m.hop = hops.hop_300
    left join tiles_1h
        on tiles_1h.viewer_id = hops.viewer_id
        and tiles_1h.category = hops.category
        and tiles_1h.hop = hops.hop_3600
    left join tiles_1d
        on tiles_1d.viewer_id = hops.viewer_id
        and tiles_1d.category = hops.category
        and tiles_1d.hop = hops.hop_86400
    asof left join earlier
        on earlier.viewer_id = hops.viewer_id
        and earlier.category = hops.category
        and hops.hop_86400 > earlier.arrived
    left join head
        on head.viewer_id = hops.viewer_id
        and head.category = hops.category
        and head.asked_at = hops.asked_at
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
