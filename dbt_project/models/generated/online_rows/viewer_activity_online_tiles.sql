-- The tiles that the windows of viewer_activity still need, as they are published.
-- Written by `slate compile` from ViewerActivity: change the definition, not this.

{{ config(materialized='table') }}

with known as (
    select tiles.*, as_of.as_of
    from {{ ref('viewer_activity_tiles') }} as tiles
    cross join (select as_of from {{ ref('as_of') }} where model = 'viewer_activity_current') as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        viewer_id,
        hop,
        tile,
        cast(sum(views__n) as bigint) as views__n,
        cast(sum(taps__n) as bigint) as taps__n,
        cast(sum(chats__n) as bigint) as chats__n,
        cast(sum(bids__n) as bigint) as bids__n,
        cast(sum(orders__n) as bigint) as orders__n,
        cast(sum(follows__n) as bigint) as follows__n,
        cast(sum(watched__sum) as double) as watched__sum,
        cast(max(longest_watch__max) as double) as longest_watch__max,
        cast(sum(spend__sum) as double) as spend__sum,
        cast(sum(usual_bid__n) as bigint) as usual_bid__n,
        cast(sum(usual_bid__sum) as double) as usual_bid__sum,
        cast(sum(bid_spread__n) as bigint) as bid_spread__n,
        list({n: cast(bid_spread__n as double), mean: bid_spread__mean, m2: bid_spread__m2}) filter (where bid_spread__n > 0) as bid_spread__parts
    from known
    where (hop = 5 and tile >= {{ hop_number('as_of', 5) }} - 12)
        or (hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20)
        or (hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12)
        or (hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24)
        or (hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30)
    group by viewer_id, hop, tile
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
        watched__sum,
        longest_watch__max,
        spend__sum,
        usual_bid__n,
        usual_bid__sum,
        bid_spread__n,
        cast({{ pooled(['merged.bid_spread__parts']) }}.mean as double) as bid_spread__mean,
        cast({{ pooled(['merged.bid_spread__parts']) }}.m2 as double) as bid_spread__m2
    from merged
    inner join {{ ref('viewer_activity_online_keys') }} as numbered using (viewer_id)
)

select * from final
order by row, hop, tile
