-- The tiles that the windows of viewer_category_taste still need, as they are published.
-- Written by `slate compile` from ViewerCategoryTaste: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('viewer_category_taste_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'viewer_category_taste_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        viewer_id,
        category,
        hop,
        tile,
        cast(sum(views__n) as bigint) as views__n,
        cast(sum(taps__n) as bigint) as taps__n,
        cast(sum(bids__n) as bigint) as bids__n,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(watched__sum) as double) as watched__sum,
        cast(sum(usual_price__n) as bigint) as usual_price__n,
        cast(sum(usual_price__sum) as double) as usual_price__sum
    from known
    where (hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20)
        or (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
    group by viewer_id, category, hop, tile
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
        watched__sum,
        usual_price__n,
        usual_price__sum
    from merged
    inner join {{ ref('viewer_category_taste_online_keys') }} as numbered using (viewer_id, category)
)

select * from final
order by row, hop, tile
