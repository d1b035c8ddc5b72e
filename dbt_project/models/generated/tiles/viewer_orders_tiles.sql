-- What windows of viewer_orders are made of: partial results by hop of time and arrival.
-- Written by `slate compile` from ViewerOrders: change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='arrived_hour',
    on_schema_change='fail'
) }}

with events as (
    select * from {{ ref('stg_orders') }}
    where {{ arrived('received_at') }} and viewer_id is not null
),

final as (
    {%- for hop in [30, 300, 3600, 86400] %}
    select
        viewer_id,
        cast({{ hop }} as bigint) as hop,
        {{ hop_number('event_ts', hop) }} as tile,
        {{ hop_number('received_at', hop) }} as arrived,
        date_trunc('hour', received_at) as arrived_hour,
        max(event_ts) as latest_event_ts,
        count(*) as orders__n,
        cast(sum(price) as double) as spend__sum,
        count(*) as usual_price__n,
        cast(sum(price) as double) as usual_price__sum,
        max(price) as highest_price__max,
        list_sort(list_transform(map_entries(histogram(seller_id)), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as sellers__codes,
        list_sort(list_transform(map_entries(histogram(device_id)), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as devices__codes,
        list_sort(list_transform(map_entries(histogram(address_id)), lambda entry: {code: {{ code_of('entry.key') }}, n: cast(entry.value as bigint)}))[:257] as addresses__codes,
        min({event_ts: event_ts, received_at: received_at, id: order_id, value: event_ts}) as first_order__first,
        max({event_ts: event_ts, received_at: received_at, id: order_id, value: address_id}) as last_address__last
    from events
    group by all
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
)

-- Whoever looks for a few keys need not read the rest.
select * from final
order by hop, viewer_id
