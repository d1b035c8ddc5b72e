-- Written by `slate compile` from SellerStats and FeatureService('show_quality', version=1): change the definition, not this.

{{ config(materialized='table') }}

with asked as (
    select distinct
        show_catalog.seller_id as seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('show_quality_v1__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
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
    from {{ ref('seller_stats_tiles') }}
    where hop = 300
),

tiles_5m as (
    select
        seller_id,
        hop,
        sum(taps__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as taps_30d__n,
        sum(orders__n) filter (where tile >= hop - 12) as orders_1h__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 12 - 24) * 12) as orders_1d__n,
        sum(orders__n) filter (where arrived // 12 = hop // 12 and tile >= (hop // 288 - 30) * 288) as orders_30d__n
    from (select distinct seller_id, hop_300 as hop from hops)
    inner join tiles_5m_known using (seller_id, hop)
    group by seller_id, hop
),

tiles_1h_known as (
    select * replace (unnest(range(arrived + 1, greatest(tile + 24, arrived // 24 * 24 + 23) + 1)) as hop)
    from {{ ref('seller_stats_tiles') }}
    where hop = 3600
),

tiles_1h as (
    select
        seller_id,
        hop,
        sum(taps__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as taps_30d__n,
        sum(orders__n) filter (where tile >= hop - 24) as orders_1d__n,
        sum(orders__n) filter (where arrived // 24 = hop // 24 and tile >= (hop // 24 - 30) * 24) as orders_30d__n
    from (select distinct seller_id, hop_3600 as hop from hops)
    inner join tiles_1h_known using (seller_id, hop)
    group by seller_id, hop
),

tiles_1d_known as (
    select * replace (unnest(range(arrived + 1, tile + 30 + 1)) as hop)
    from {{ ref('seller_stats_tiles') }}
    where hop = 86400
),

tiles_1d as (
    select
        seller_id,
        hop,
        sum(taps__n) filter (where tile >= hop - 30) as taps_30d__n,
        sum(orders__n) filter (where tile >= hop - 30) as orders_30d__n
    from (select distinct seller_id, hop_86400 as hop from hops)
    inner join tiles_1d_known using (seller_id, hop)
    group by seller_id, hop
),

head as (
    -- The smallest open hop, event by event.
    select
        seller_id,
        asked_at,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as taps_30d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n
    from hops
    inner join (
        select *, {{ hop_number('received_at', 300) }} as hop_300 from {{ ref('stg_events') }}
    ) as events using (seller_id, hop_300)
    where received_at < asked_at
    group by seller_id, asked_at
),

merged as (
    select
        hops.seller_id,
        hops.asked_at,
        {{ sum_of(['tiles_5m.taps_30d__n', 'tiles_1h.taps_30d__n', 'tiles_1d.taps_30d__n', 'head.taps_30d__n']) }} as taps_30d__n,
        {{ sum_of(['tiles_5m.orders_1h__n', 'head.orders_1h__n']) }} as orders_1h__n,
        {{ sum_of(['tiles_5m.orders_1d__n', 'tiles_1h.orders_1d__n', 'head.orders_1d__n']) }} as orders_1d__n,
        {{ sum_of(['tiles_5m.orders_30d__n', 'tiles_1h.orders_30d__n', 'tiles_1d.orders_30d__n', 'head.orders_30d__n']) }} as orders_30d__n
    from hops
    left join tiles_5m
        on tiles_5m.seller_id = hops.seller_id
        and tiles_5m.hop = hops.hop_300
    left join tiles_1h
        on tiles_1h.seller_id = hops.seller_id
        and tiles_1h.hop = hops.hop_3600
    left join tiles_1d
        on tiles_1d.seller_id = hops.seller_id
        and tiles_1d.hop = hops.hop_86400
    left join head
        on head.seller_id = hops.seller_id
        and head.asked_at = hops.asked_at
),

final as (
    select
        seller_id,
        asked_at,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d
    from merged
)

select * from final
