-- The values of seller_stats at the end of what is known, made of what is published.
-- Written by `slate compile` from SellerStats: change the definition, not this.

{{ config(materialized='view') }}

with published as (
    select *
    from {{ ref('seller_stats_online_keys') }} as numbered
    left join {{ ref('seller_stats_online_tiles') }} as tiles using (row)
),

merged as (
    select
        seller_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(views__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as views_1h__n,
        sum(views__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as views_1d__n,
        sum(views__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as views_30d__n,
        sum(taps__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as taps_1h__n,
        sum(taps__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as taps_1d__n,
        sum(taps__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as taps_30d__n,
        sum(bids__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as bids_1h__n,
        sum(bids__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as bids_1d__n,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(orders__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as orders_30d__n,
        sum(follows__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as follows_1d__n,
        sum(follows__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as follows_30d__n,
        sum(sales__sum) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as sales_1h__sum,
        sum(sales__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as sales_1d__sum,
        sum(sales__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as sales_30d__sum,
        sum(usual_price__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__sum,
        max(highest_price__max) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as highest_price_30d__max,
        sum(usual_watch__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as usual_watch_1d__n,
        sum(usual_watch__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as usual_watch_1d__sum,
        sum(usual_watch__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_watch_30d__n,
        sum(usual_watch__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_watch_30d__sum
    from published
    group by row, seller_id
),

pooled as (
    select seller_id,
        event_ts,
        as_of,
        views_1h__n,
        views_1d__n,
        views_30d__n,
        taps_1h__n,
        taps_1d__n,
        taps_30d__n,
        bids_1h__n,
        bids_1d__n,
        orders_1h__n,
        orders_1d__n,
        orders_30d__n,
        follows_1d__n,
        follows_30d__n,
        sales_1h__sum,
        sales_1d__sum,
        sales_30d__sum,
        usual_price_30d__n,
        usual_price_30d__sum,
        highest_price_30d__max,
        usual_watch_1d__n,
        usual_watch_1d__sum,
        usual_watch_30d__n,
        usual_watch_30d__sum
    from merged
),

final as (
    select
        seller_id,
        event_ts,
        as_of,
        cast(coalesce(views_1h__n, 0) as bigint) as views_1h,
        cast(coalesce(views_1d__n, 0) as bigint) as views_1d,
        cast(coalesce(views_30d__n, 0) as bigint) as views_30d,
        cast(coalesce(taps_1h__n, 0) as bigint) as taps_1h,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(bids_1h__n, 0) as bigint) as bids_1h,
        cast(coalesce(bids_1d__n, 0) as bigint) as bids_1d,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(follows_1d__n, 0) as bigint) as follows_1d,
        cast(coalesce(follows_30d__n, 0) as bigint) as follows_30d,
        cast(coalesce(sales_1h__sum, 0) as double) as sales_1h,
        cast(coalesce(sales_1d__sum, 0) as double) as sales_1d,
        cast(coalesce(sales_30d__sum, 0) as double) as sales_30d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d,
        highest_price_30d__max as highest_price_30d,
        usual_watch_1d__sum / nullif(usual_watch_1d__n, 0) as usual_watch_1d,
        usual_watch_30d__sum / nullif(usual_watch_30d__n, 0) as usual_watch_30d
    from pooled
)

select * from final
