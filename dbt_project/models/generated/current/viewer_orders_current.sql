-- The values of viewer_orders at the end of what is known, made of what is published.
-- Written by `slate compile` from ViewerOrders: change the definition, not this.

{{ config(materialized='view') }}

{#- Which values are counted; macros/generated/history.sql explains the words. -#}
{%- set parts = [
    {'name': 'sellers_1h__codes', 'counted': 'sellers__codes', 'kept': 257, 'hop': 300, 'hops': 12},
    {'name': 'sellers_30d__codes', 'counted': 'sellers__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
    {'name': 'devices_1d__codes', 'counted': 'devices__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'devices_30d__codes', 'counted': 'devices__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
    {'name': 'addresses_1d__codes', 'counted': 'addresses__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'addresses_30d__codes', 'counted': 'addresses__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
] %}

with published as (
    select *
    from {{ ref('viewer_orders_online_keys') }} as numbered
    left join {{ ref('viewer_orders_online_tiles') }} as tiles using (row)
),

merged as (
    select
        row,
        viewer_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(orders__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as orders_10m__n,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(orders__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as orders_30d__n,
        sum(spend__sum) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as spend_1h__sum,
        sum(spend__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as spend_1d__sum,
        sum(spend__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as spend_30d__sum,
        sum(usual_price__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__sum,
        max(highest_price__max) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as highest_price_30d__max,
        min(first_order__first) filter (where hop = 400000000000 and tile >= {{ hop_number('as_of', 400000000000) }} - 1) as first_order_forever__first,
        any_value(last_address__last) as last_address__last
    from published
    group by row, viewer_id
),

values_of_tiles as (
    select row, unnest([
        {%- for part in parts %}
        {%- set first = hop_number('as_of', part.hop) ~ ' - ' ~ part.hops %}
        {%- set in_window = 'hop = ' ~ part.hop ~ ' and tile >= ' ~ first %}
        {{ values_of_part(part, parts, part.counted, in_window) }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    ], max_depth := 2)
    from published
),

counted as (
    {{ counted_columns(['row'], parts, 'values_of_tiles') }}
),

pooled as (
    select viewer_id,
        event_ts,
        as_of,
        orders_10m__n,
        orders_1h__n,
        orders_1d__n,
        orders_30d__n,
        spend_1h__sum,
        spend_1d__sum,
        spend_30d__sum,
        usual_price_30d__n,
        usual_price_30d__sum,
        highest_price_30d__max,
        sellers_1h__codes,
        sellers_30d__codes,
        devices_1d__codes,
        devices_30d__codes,
        addresses_1d__codes,
        addresses_30d__codes,
        first_order_forever__first,
        last_address__last
    from merged
    left join counted using (row)
),

final as (
    select
        viewer_id,
        event_ts,
        as_of,
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
    from pooled
)

select * from final
