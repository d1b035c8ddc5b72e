-- The tiles that the windows of seller_stats still need, as they are published.
-- Written by `slate compile` from SellerStats: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('seller_stats_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'seller_stats_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        seller_id,
        hop,
        tile,
        cast(sum(views__n) as bigint) as views__n,
        cast(sum(taps__n) as bigint) as taps__n,
        cast(sum(bids__n) as bigint) as bids__n,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(follows__n) as bigint) as follows__n,
        cast(sum(sales__sum) as double) as sales__sum,
        cast(sum(usual_price__n) as bigint) as usual_price__n,
        cast(sum(usual_price__sum) as double) as usual_price__sum,
        cast(max(highest_price__max) as double) as highest_price__max,
        cast(sum(usual_watch__n) as bigint) as usual_watch__n,
        cast(sum(usual_watch__sum) as double) as usual_watch__sum
    from known
    where (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
    group by seller_id, hop, tile
),

final as (
    select
        numbered.row,
        merged.hop,
        merged.tile,
        views__n,
        taps__n,
        bids__n,
        orders__n,
        follows__n,
        sales__sum,
        usual_price__n,
        usual_price__sum,
        highest_price__max,
        usual_watch__n,
        usual_watch__sum
    from merged
    inner join {{ ref('seller_stats_online_keys') }} as numbered using (seller_id)
)

select * from final
order by row, hop, tile
