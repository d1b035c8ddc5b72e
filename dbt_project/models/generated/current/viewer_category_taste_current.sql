-- The values of viewer_category_taste at the end of what is known, made of what is published.
-- Written by `slate compile` from ViewerCategoryTaste: change the definition, not this.

{{ config(materialized='view') }}

with published as (
    select *
    from {{ ref('viewer_category_taste_online_keys') }} as numbered
    left join {{ ref('viewer_category_taste_online_tiles') }} as tiles using (row)
),

merged as (
    select
        viewer_id,
        category,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(views__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as views_10m__n,
        sum(views__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as views_1h__n,
        sum(views__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as views_1d__n,
        sum(views__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as views_30d__n,
        sum(taps__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as taps_10m__n,
        sum(taps__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as taps_1h__n,
        sum(taps__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as taps_1d__n,
        sum(taps__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as taps_30d__n,
        sum(bids__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as bids_1h__n,
        sum(bids__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as bids_30d__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(orders__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as orders_30d__n,
        sum(watched__sum) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as watched_10m__sum,
        sum(watched__sum) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as watched_1h__sum,
        sum(watched__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as watched_30d__sum,
        sum(usual_price__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__sum,
        any_value(last_tap__last) as last_tap__last
    from published
    group by row, viewer_id, category
),

pooled as (
    select viewer_id,
        category,
        event_ts,
        as_of,
        views_10m__n,
        views_1h__n,
        views_1d__n,
        views_30d__n,
        taps_10m__n,
        taps_1h__n,
        taps_1d__n,
        taps_30d__n,
        bids_1h__n,
        bids_30d__n,
        orders_1d__n,
        orders_30d__n,
        watched_10m__sum,
        watched_1h__sum,
        watched_30d__sum,
        usual_price_30d__n,
        usual_price_30d__sum,
        last_tap__last
    from merged
),

final as (
    select
        viewer_id,
        category,
        event_ts,
        as_of,
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
        case when last_tap__last.event_ts >= {{ window_start('as_of', 86400, 3600) }} then last_tap__last.value end as last_tap_1d
    from pooled
)

select * from final
