-- The values of seller_stats at the instants that show_quality_v1 asks about.
-- Written by `slate compile` from SellerStats and FeatureService('show_quality', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; `parts` in macros/generated/slate.sql says what the words mean. -#}
{%- set keys = ['seller_id'] %}
{%- set levels = {'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'taps_30d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
] %}

with asked as (
    select distinct
        show_catalog.seller_id as seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_impressions') }} as spine
    left join {{ ref('show_quality_v1__show_catalog') }} as show_catalog
        on show_catalog.show_id = spine.show_id
        and show_catalog.asked_at = spine.event_ts
    where {{ arrived('spine.received_at') }}
        and show_catalog.seller_id is not null
),

hops as (
    select
        *
        {%- for level in levels.values() %},
        {{ hop_number('asked_at', level) }} as hop_{{ level }}
        {%- endfor %}
    from asked
),

{{ known_parts(ref('seller_stats_tiles'), keys, levels, parts) }}

head as (
    -- The smallest open hop, event by event.
    select
        seller_id,
        asked_at,
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as taps_30d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where kind = 'purchase' and event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n
    from hops
    inner join (
        select *, {{ hop_number('received_at', 300) }} as hop_300 from {{ ref('stg_events') }}
    ) as events using (seller_id, hop_300)
    where received_at < asked_at
    group by seller_id, asked_at
),

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        seller_id,
        asked_at,
        cast(coalesce(taps_30d__n, 0) as bigint) as taps_30d,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d
    from merged
)

select * from final
