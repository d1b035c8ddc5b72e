-- The values of address_orders at the end of what is known, made of what is published.
-- Written by `slate compile` from AddressOrders: change the definition, not this.

{{ config(materialized='view') }}

{#- Which values are counted; macros/generated/history.sql explains the words. -#}
{%- set parts = [
    {'name': 'accounts_1h__codes', 'counted': 'accounts__codes', 'kept': 257, 'hop': 300, 'hops': 12},
    {'name': 'accounts_1d__codes', 'counted': 'accounts__codes', 'kept': 257, 'hop': 3600, 'hops': 24},
    {'name': 'accounts_30d__codes', 'counted': 'accounts__codes', 'kept': 257, 'hop': 86400, 'hops': 30},
] %}

with published as (
    select *
    from {{ ref('address_orders_online_keys') }} as numbered
    left join {{ ref('address_orders_online_tiles') }} as tiles using (row)
),

merged as (
    select
        row,
        address_id,
        any_value(event_ts) as event_ts,
        any_value(as_of) as as_of,
        sum(orders__n) filter (where hop = 300 and tile >= {{ hop_number('as_of', 300) }} - 12) as orders_1h__n,
        sum(orders__n) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as orders_1d__n,
        sum(orders__n) filter (where hop = 86400 and tile >= {{ hop_number('as_of', 86400) }} - 30) as orders_30d__n,
        sum(spend__sum) filter (where hop = 3600 and tile >= {{ hop_number('as_of', 3600) }} - 24) as spend_1d__sum
    from published
    group by row, address_id
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
    select address_id,
        event_ts,
        as_of,
        orders_1h__n,
        orders_1d__n,
        orders_30d__n,
        spend_1d__sum,
        accounts_1h__codes,
        accounts_1d__codes,
        accounts_30d__codes
    from merged
    left join counted using (row)
),

final as (
    select
        address_id,
        event_ts,
        as_of,
        cast(coalesce(orders_1h__n, 0) as bigint) as orders_1h,
        cast(coalesce(orders_1d__n, 0) as bigint) as orders_1d,
        cast(coalesce(orders_30d__n, 0) as bigint) as orders_30d,
        cast(coalesce(spend_1d__sum, 0) as double) as spend_1d,
        coalesce(case when len(accounts_1h__codes) < 257 then len(accounts_1h__codes) else cast(floor(2.3611832414348226e+21 / accounts_1h__codes[-1].code) as bigint) end, 0) as accounts_1h,
        coalesce(case when len(accounts_1d__codes) < 257 then len(accounts_1d__codes) else cast(floor(2.3611832414348226e+21 / accounts_1d__codes[-1].code) as bigint) end, 0) as accounts_1d,
        coalesce(case when len(accounts_30d__codes) < 257 then len(accounts_30d__codes) else cast(floor(2.3611832414348226e+21 / accounts_30d__codes[-1].code) as bigint) end, 0) as accounts_30d
    from pooled
)

select * from final
