-- The values of viewer_orders at the instants that order_risk_v1 asks about.
-- Written by `slate compile` from ViewerOrders and FeatureService('order_risk', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['viewer_id'] %}
{%- set levels = {'tiles_30s': 30, 'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'orders_10m__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 30, 'hops': 20, 'merged': sum_of},
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'spend_1h__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'spend_1d__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'spend_30d__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__n', 'tiles': 'sum(usual_price__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'usual_price_30d__sum', 'tiles': 'sum(usual_price__sum) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'highest_price_30d__max', 'tiles': 'max(highest_price__max) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': greatest_of},
    {'name': 'sellers_1h__codes', 'counted': 'sellers__codes', 'kept': 257, 'hop': 300, 'hops': 12},
    {'name': 'sellers_30d__codes', 'counted': 'sellers__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
    {'name': 'devices_1d__codes', 'counted': 'devices__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'devices_30d__codes', 'counted': 'devices__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
    {'name': 'addresses_1d__codes', 'counted': 'addresses__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'addresses_30d__codes', 'counted': 'addresses__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
    {'name': 'first_order_forever__first', 'tiles': 'min(first_order__first) filter (where %s)', 'hop': 3600, 'earlier': 'min(min(first_order__first))', 'merged': least_of},
    {'name': 'last_address__last', 'tiles': 'max(last_address__last) filter (where %s)', 'hop': 3600, 'latest': 1, 'merged': greatest_of},
] %}

with asked as (
    select distinct
        spine.viewer_id,
        spine.event_ts as asked_at
    from {{ ref('stg_order_outcomes') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.viewer_id is not null
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
        viewer_id,
        asked_at,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 600, 30) }}) as orders_10m__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n,
        cast(sum(price) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as double) as spend_1h__sum,
        cast(sum(price) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as spend_1d__sum,
        cast(sum(price) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as spend_30d__sum,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as usual_price_30d__n,
        cast(sum(price) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as double) as usual_price_30d__sum,
        max(price) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as highest_price_30d__max,
        list_sort(list_transform(map_entries(histogram(seller_id) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as sellers_1h__codes,
        list_sort(list_transform(map_entries(histogram(seller_id) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as sellers_30d__codes,
        list_sort(list_transform(map_entries(histogram(device_id) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as devices_1d__codes,
        list_sort(list_transform(map_entries(histogram(device_id) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as devices_30d__codes,
        list_sort(list_transform(map_entries(histogram(address_id) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as addresses_1d__codes,
        list_sort(list_transform(map_entries(histogram(address_id) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as addresses_30d__codes,
        min({event_ts: event_ts, received_at: received_at, id: order_id, value: event_ts}) as first_order_forever__first,
        max({event_ts: event_ts, received_at: received_at, id: order_id, value: address_id}) as last_address__last
    from hops
    inner join (
        select *, {{ hop_number('received_at', 30) }} as hop_30 from {{ ref('stg_orders') }}
    ) as events using (viewer_id, hop_30)
    where received_at < asked_at
    group by viewer_id, asked_at
),

{{ known_parts(ref('viewer_orders_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        viewer_id,
        asked_at,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(spend_1h__sum, 0) as double) as spend_1h,
        cast(coalesce(spend_1d__sum, 0) as double) as spend_1d,
        cast(coalesce(spend_30d__sum, 0) as double) as spend_30d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d,
        highest_price_30d__max as highest_price_30d,
        coalesce(case when len(sellers_1h__codes) < 257 then len(sellers_1h__codes) else cast(floor(2.3611832414348226e+21 / sellers_1h__codes[-1].code) as bigint) end, 0) as sellers_1h,
        coalesce(case when len(sellers_30d__codes) < 257 then len(sellers_30d__codes) else cast(floor(2.3611832414348226e+21 / sellers_30d__codes[-1].code) as bigint) end, 0) as sellers_30d,
        coalesce(case when len(devices_1d__codes) < 257 then len(devices_1d__codes) else cast(floor(2.3611832414348226e+21 / devices_1d__codes[-1].code) as bigint) end, 0) as devices_1d,
        coalesce(case when len(devices_30d__codes) < 257 then len(devices_30d__codes) else cast(floor(2.3611832414348226e+21 / devices_30d__codes[-1].code) as bigint) end, 0) as devices_30d,
        coalesce(case when len(addresses_1d__codes) < 257 then len(addresses_1d__codes) else cast(floor(2.3611832414348226e+21 / addresses_1d__codes[-1].code) as bigint) end, 0) as addresses_1d,
        coalesce(case when len(addresses_30d__codes) < 257 then len(addresses_30d__codes) else cast(floor(2.3611832414348226e+21 / addresses_30d__codes[-1].code) as bigint) end, 0) as addresses_30d,
        first_order_forever__first.value as first_order_forever,
        last_address__last.value as last_address
    from merged
)

select * from final
