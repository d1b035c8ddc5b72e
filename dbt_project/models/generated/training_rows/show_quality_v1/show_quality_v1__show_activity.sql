-- Written by `slate compile` from ShowActivity and FeatureService('show_quality', version=1): change the definition, not this.

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
    select * replace (unnest(range(arrived + 1, arrived // 6 * 6 + 5 + 1)) as hop)
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
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 6 - 20) * 6) as orders_10m__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 60 - 12) * 60) as orders_1h__n,
        sum(orders__n) filter (where arrived // 6 = hop // 6 and tile >= (hop // 720 - 24) * 720) as orders_1d__n
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
        sum(orders__n) filter (where tile >= hop - 20) as orders_10m__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 10 - 12) * 10) as orders_1h__n,
        sum(orders__n) filter (where arrived // 10 = hop // 10 and tile >= (hop // 120 - 24) * 120) as orders_1d__n
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
        sum(orders__n) filter (where tile >= hop - 12) as orders_1h__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as orders_1d__n
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
        sum(orders__n) filter (where tile >= hop - 24) as orders_1d__n
    from (select distinct show_id, hop_3600 as hop from hops)
    inner join tiles_1h_known using (show_id, hop)
    group by show_id, hop
),

head as (
    -- The smallest open hop, event by event.
    select
        show_id,
        asked_at,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as views_10m__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as views_1h__n,
        count(*) filter (where kind = 'view' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as views_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 600, 30) }}) as orders_10m__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n
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
        {{ sum_of(['tiles_5s.orders_10m__n', 'tiles_30s.orders_10m__n', 'head.orders_10m__n']) }} as orders_10m__n,
        {{ sum_of(['tiles_5s.orders_1h__n', 'tiles_30s.orders_1h__n', 'tiles_5m.orders_1h__n', 'head.orders_1h__n']) }} as orders_1h__n,
        {{ sum_of(['tiles_5s.orders_1d__n', 'tiles_30s.orders_1d__n', 'tiles_5m.orders_1d__n', 'tiles_1h.orders_1d__n', 'head.orders_1d__n']) }} as orders_1d__n
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
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d
    from merged
)

select * from final
