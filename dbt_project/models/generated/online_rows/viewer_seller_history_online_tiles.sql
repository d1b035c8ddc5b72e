-- The tiles that the windows of viewer_seller_history still need, as they are published.
-- Written by `slate compile` from ViewerSellerHistory: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('viewer_seller_history_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'viewer_seller_history_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        viewer_id,
        seller_id,
        hop,
        tile,
        cast(sum(views__n) as bigint) as views__n,
        cast(sum(taps__n) as bigint) as taps__n,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(follows__n) as bigint) as follows__n,
        cast(sum(spend__sum) as double) as spend__sum,
        cast(sum(watched__sum) as double) as watched__sum
    from known
    where (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
    group by viewer_id, seller_id, hop, tile
),

final as (
    select
        numbered.row,
        merged.hop,
        merged.tile,
        views__n,
        taps__n,
        orders__n,
        follows__n,
        spend__sum,
        watched__sum
    from merged
    inner join {{ ref('viewer_seller_history_online_keys') }} as numbered using (viewer_id, seller_id)
)

select * from final
order by row, hop, tile
