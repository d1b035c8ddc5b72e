-- The tiles that the windows of seller_orders still need, as they are published.
-- Written by `slate compile` from SellerOrders: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('seller_orders_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'seller_orders_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        seller_id,
        hop,
        tile,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(list_sort(flatten(list(buyers__codes))) as struct(code bigint, n bigint)[]) as buyers__codes,
        cast(sum(usual_price__n) as bigint) as usual_price__n,
        cast(sum(usual_price__sum) as double) as usual_price__sum
    from known
    where (hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20)
        or (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
    group by seller_id, hop, tile
),

final as (
    select
        numbered.row,
        merged.hop,
        merged.tile,
        orders__n,
        buyers__codes,
        usual_price__n,
        usual_price__sum
    from merged
    inner join {{ ref('seller_orders_online_keys') }} as numbered using (seller_id)
)

select * from final
order by row, hop, tile
