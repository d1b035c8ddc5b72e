-- The values of viewer_seller_history at the end of what is known, made of what is published.
-- Written by `slate compile` from ViewerSellerHistory: change the definition, not this.

{{ config(materialized='view') }}

with published as (
    select *
    from {{ ref('viewer_seller_history_online_keys') }} as numbered
    left join {{ ref('viewer_seller_history_online_tiles') }} as tiles using (row)
),

merged as (
    select
        viewer_id,
        seller_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(views__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as views_1d__n,
        sum(views__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as views_30d__n,
        sum(taps__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as taps_1h__n,
        sum(taps__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as taps_1d__n,
        sum(taps__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as taps_30d__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(orders__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as orders_30d__n,
        sum(follows__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as follows_30d__n,
        sum(spend__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as spend_30d__sum,
        sum(watched__sum) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as watched_1h__sum,
        sum(watched__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as watched_1d__sum,
        sum(watched__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as watched_30d__sum,
        any_value(last_seen__last) as last_seen__last
    from published
    group by row, viewer_id, seller_id
),

pooled as (
    select viewer_id,
        seller_id,
        event_ts,
        as_of,
        views_1d__n,
        views_30d__n,
        taps_1h__n,
        taps_1d__n,
        taps_30d__n,
        orders_1d__n,
        orders_30d__n,
        follows_30d__n,
        spend_30d__sum,
        watched_1h__sum,
        watched_1d__sum,
        watched_30d__sum,
        last_seen__last
    from merged
),

final as (
    select
        viewer_id,
        seller_id,
        event_ts,
        as_of,
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
    from pooled
)

select * from final
