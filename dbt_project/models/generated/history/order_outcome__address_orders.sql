-- The values of address_orders at the instants that order_risk_v1 asks about.
-- Written by `slate compile` from AddressOrders and FeatureService('order_risk', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['address_id'] %}
{%- set levels = {'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'orders_1h__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 300, 'hops': 12, 'merged': sum_of},
    {'name': 'orders_1d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'orders_30d__n', 'tiles': 'sum(orders__n) filter (where %s)', 'hop': 86400, 'hops': 30, 'merged': sum_of},
    {'name': 'spend_1d__sum', 'tiles': 'sum(spend__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'accounts_1h__codes', 'counted': 'accounts__codes', 'kept': 257, 'hop': 300, 'hops': 12},
    {'name': 'accounts_1d__codes', 'counted': 'accounts__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'accounts_30d__codes', 'counted': 'accounts__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
] %}

with asked as (
    select distinct
        spine.address_id,
        spine.event_ts as asked_at
    from {{ ref('stg_order_outcomes') }} as spine
    where {{ arrived('spine.received_at') }}
        and spine.address_id is not null
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
        address_id,
        asked_at,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }}) as orders_1h__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as orders_1d__n,
        count(*) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }}) as orders_30d__n,
        cast(sum(price) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as spend_1d__sum,
        list_sort(list_transform(map_entries(histogram(viewer_id) filter (where event_ts >= {{ window_start('asked_at', 3600, 300) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as accounts_1h__codes,
        list_sort(list_transform(map_entries(histogram(viewer_id) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as accounts_1d__codes,
        list_sort(list_transform(map_entries(histogram(viewer_id) filter (where event_ts >= {{ window_start('asked_at', 2592000, 86400) }})), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as accounts_30d__codes
    from hops
    inner join (
        select *, {{ hop_number('received_at', 300) }} as hop_300 from {{ ref('stg_orders') }}
    ) as events using (address_id, hop_300)
    where received_at < asked_at
    group by address_id, asked_at
),

{{ known_parts(ref('address_orders_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        address_id,
        asked_at,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(spend_1d__sum, 0) as double) as spend_1d,
        coalesce(case when len(accounts_1h__codes) < 257 then len(accounts_1h__codes) else cast(floor(2.3611832414348226e+21 / accounts_1h__codes[-1].code) as bigint) end, 0) as accounts_1h,
        coalesce(case when len(accounts_1d__codes) < 257 then len(accounts_1d__codes) else cast(floor(2.3611832414348226e+21 / accounts_1d__codes[-1].code) as bigint) end, 0) as accounts_1d,
        coalesce(case when len(accounts_30d__codes) < 257 then len(accounts_30d__codes) else cast(floor(2.3611832414348226e+21 / accounts_30d__codes[-1].code) as bigint) end, 0) as accounts_30d
    from merged
)

select * from final
