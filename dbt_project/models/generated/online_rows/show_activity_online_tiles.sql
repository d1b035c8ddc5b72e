-- The tiles that the windows of show_activity still need, as they are published.
-- Written by `slate compile` from ShowActivity: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('show_activity_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'show_activity_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        show_id,
        hop,
        tile,
        cast(sum(views__n) as bigint) as views__n,
        cast(sum(taps__n) as bigint) as taps__n,
        cast(sum(chats__n) as bigint) as chats__n,
        cast(sum(bids__n) as bigint) as bids__n,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(follows__n) as bigint) as follows__n,
        cast(sum(shares__n) as bigint) as shares__n,
        cast(sum(sales__sum) as double) as sales__sum,
        cast(sum(watched__sum) as double) as watched__sum,
        cast(sum(usual_watch__n) as bigint) as usual_watch__n,
        cast(sum(usual_watch__sum) as double) as usual_watch__sum,
        cast(sum(usual_price__n) as bigint) as usual_price__n,
        cast(sum(usual_price__sum) as double) as usual_price__sum,
        cast(sum(price_spread__n) as bigint) as price_spread__n,
        list({n: cast(price_spread__n as double), mean: price_spread__mean, m2: price_spread__m2}) filter (where price_spread__n > 0) as price_spread__parts,
        cast(min(lowest_price__min) as double) as lowest_price__min,
        cast(max(highest_bid__max) as double) as highest_bid__max
    from known
    where (hop = 5 and tile >= {{ hop_number('as_of', 5) }} - 12)
        or (hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20)
        or (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
    group by show_id, hop, tile
),

final as (
    select
        numbered.row,
        merged.hop,
        merged.tile,
        views__n,
        taps__n,
        chats__n,
        bids__n,
        orders__n,
        follows__n,
        shares__n,
        sales__sum,
        watched__sum,
        usual_watch__n,
        usual_watch__sum,
        usual_price__n,
        usual_price__sum,
        price_spread__n,
        cast({{ pooled(['merged.price_spread__parts']) }}.mean as double) as price_spread__mean,
        cast({{ pooled(['merged.price_spread__parts']) }}.m2 as double) as price_spread__m2,
        lowest_price__min,
        highest_bid__max
    from merged
    inner join {{ ref('show_activity_online_keys') }} as numbered using (show_id)
)

select * from final
order by row, hop, tile
