-- The tiles that the windows of device_orders still need, as they are published.
-- Written by `slate compile` from DeviceOrders: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('device_orders_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'device_orders_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        device_id,
        hop,
        tile,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(spend__sum) as double) as spend__sum,
        cast(list_sort(flatten(list(accounts__codes))) as struct(code bigint, n bigint)[]) as accounts__codes,
        cast(list_sort(flatten(list(addresses__codes))) as struct(code bigint, n bigint)[]) as addresses__codes
    from known
    where (hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20)
        or (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
    group by device_id, hop, tile
),

final as (
    select
        numbered.row,
        merged.hop,
        merged.tile,
        orders__n,
        spend__sum,
        accounts__codes,
        addresses__codes
    from merged
    inner join {{ ref('device_orders_online_keys') }} as numbered using (device_id)
)

select * from final
order by row, hop, tile
