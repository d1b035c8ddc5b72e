-- The values of seller_orders at the instants that order_risk_v1 asks about.
-- Written by `slate compile` from SellerOrders and FeatureService('order_risk', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['seller_id'] %}
{%- set levels = {'tiles_30s': 30, 'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'orders_10m__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'buyers_1h__codes', 'counted': 'buyers__codes', 'kept': 257, 'hop': 300, 'hops': 12},
    {'name': 'buyers_1d__codes', 'counted': 'buyers__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'usual_price_30d__n', 'tiles': 'sum(usual_price__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__sum', 'tiles': 'sum(usual_price__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
] %}

with asked as (
    select distinct
        spine.seller_id,
        spine.event_ts as asked_at
    from {{ ref('stg_order_outcomes') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.seller_id is not null
),

hops as (
    select
        *
        {%- for level in levels.values() %},
        {{ hop_number('asked_at', level) }} as hop_{{ level }}
        {%- endfor %}
    from asked
),

head as (
    -- The smallest open hop, event by event.
    select
        seller_id,
        asked_at,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 600, 30) }}) as orders_10m__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        list_sort(list_transform(map_entries(histogram(viewer_id) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as buyers_1h__codes,
        list_sort(list_transform(map_entries(histogram(viewer_id) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as buyers_1d__codes,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as usual_price_30d__n,
        cast(sum(price) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as usual_price_30d__sum
    from hops
    inner join (
        select *, {{ hop_number('received_at', 30) }} as hop_30 from {{ ref('stg_orders') }}
    ) as events using (seller_id, hop_30)
    where received_at < asked_at
    group by seller_id, asked_at
),

{{ known_parts(ref('seller_orders_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        seller_id,
        asked_at,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        coalesce(case when len(buyers_1h__codes) < 257 then len(buyers_1h__codes) else cast(floor(2.3611832414348226e+21 / buyers_1h__codes[-1].code) as bigint) end, 0) as buyers_1h,
        coalesce(case when len(buyers_1d__codes) < 257 then len(buyers_1d__codes) else cast(floor(2.3611832414348226e+21 / buyers_1d__codes[-1].code) as bigint) end, 0) as buyers_1d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d
    from merged
)

select * from final
