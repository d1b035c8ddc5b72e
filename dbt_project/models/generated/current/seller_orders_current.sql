-- The values of seller_orders at the end of what is known, made of what is published.
-- Written by `slate compile` from SellerOrders: change the definition, not this.

{{ config(materialized='view') }}

{#- Which values are counted; macros/generated/history.sql explains the words. -#}
{%- set parts = [
    {'name': 'buyers_1h__codes', 'counted': 'buyers__codes', 'kept': 257, 'hop': 300, 'hops': 12},
    {'name': 'buyers_1d__codes', 'counted': 'buyers__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
] %}

with published as (
    select *
    from {{ ref('seller_orders_online_keys') }} as numbered
    left join {{ ref('seller_orders_online_tiles') }} as tiles using (row)
),

merged as (
    select
        row,
        seller_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(orders__n) filter (where hop = 30 and tile >= {{ hop_number('as_of', 30) }} - 20) as orders_10m__n,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(usual_price__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__n,
        sum(usual_price__sum) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as usual_price_30d__sum
    from published
    group by row, seller_id
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
    select seller_id,
        event_ts,
        as_of,
        orders_10m__n,
        orders_1h__n,
        orders_1d__n,
        buyers_1h__codes,
        buyers_1d__codes,
        usual_price_30d__n,
        usual_price_30d__sum
    from merged
    left join counted using (row)
),

final as (
    select
        seller_id,
        event_ts,
        as_of,
        cast(coalesce(orders_10m__n, 0) as bigint) as orders_10m,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        coalesce(case when len(buyers_1h__codes) < 257 then len(buyers_1h__codes) else cast(floor(2.3611832414348226e+21 / buyers_1h__codes[-1].code) as bigint) end, 0) as buyers_1h,
        coalesce(case when len(buyers_1d__codes) < 257 then len(buyers_1d__codes) else cast(floor(2.3611832414348226e+21 / buyers_1d__codes[-1].code) as bigint) end, 0) as buyers_1d,
        usual_price_30d__sum / nullif(usual_price_30d__n, 0) as usual_price_30d
    from pooled
)

select * from final
