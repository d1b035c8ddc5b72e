-- The tiles that the windows of viewer_orders still need, as they are published.
-- Written by `slate compile` from ViewerOrders: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('viewer_orders_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'viewer_orders_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        viewer_id,
        hop,
        tile,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(spend__sum) as double) as spend__sum,
        cast(sum(usual_price__n) as bigint) as usual_price__n,
        cast(sum(usual_price__sum) as double) as usual_price__sum,
        cast(max(highest_price__max) as double) as highest_price__max,
        cast(list_sort(flatten(list(sellers__codes))) as struct(code bigint, n bigint)[]) as sellers__codes,
        cast(list_sort(flatten(list(devices__codes))) as struct(code bigint, n bigint)[]) as devices__codes,
        cast(list_sort(flatten(list(addresses__codes))) as struct(code bigint, n bigint)[]) as addresses__codes,
        cast(min(first_order__first) as struct(event_ts timestamp, received_at timestamp, id varchar, value timestamp)) as first_order__first
    from (
        select * from known
        union all by name
        select
            400000000000 as hop, 0 as tile, as_of, viewer_id, first_order__first
        from known
        where hop = 86400
    )
    where (hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20)
        or (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
        or (hop = 400000000000 and tile >= {{ hop_number('as_of', 400000000000) }} - 1)
    group by viewer_id, hop, tile
),

final as (
    select
        numbered.row,
        merged.hop,
        merged.tile,
        orders__n,
        spend__sum,
        usual_price__n,
        usual_price__sum,
        highest_price__max,
        sellers__codes,
        devices__codes,
        addresses__codes,
        first_order__first
    from merged
    inner join {{ ref('viewer_orders_online_keys') }} as numbered using (viewer_id)
)

select * from final
order by row, hop, tile
