-- What windows of viewer_seller_history are made of: partial results by hop of time and arrival.
-- Written by `slate compile` from ViewerSellerHistory: change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='arrived_hour',
    on_schema_change='fail'
) }}

with events as (
    select * from {{ ref('stg_events') }}
    where {{ arrived('received_at') }} and viewer_id is not null and seller_id is not null
),

final as (
    {%- for hop in [300, 3600, 86400] %}
    select
        viewer_id,
        seller_id,
        cast({{ hop }} as bigint) as hop,
        {{ hop_number('event_ts', hop) }} as tile,
        {{ hop_number('received_at', hop) }} as arrived,
        date_trunc('hour', received_at) as arrived_hour,
        max(event_ts) as latest_event_ts,
        count(*) filter (where kind = 'view') as views__n,
        count(*) filter (where kind = 'tap') as taps__n,
        count(*) filter (where kind = 'purchase') as orders__n,
        count(*) filter (where kind = 'follow') as follows__n,
        cast(sum(price) filter (where kind = 'purchase') as double) as spend__sum,
        cast(sum(watch_seconds) as double) as watched__sum,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) as last_seen__last
    from events
    group by all
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
)

-- Whoever looks for a few keys need not read the rest.
select * from final
order by hop, viewer_id, seller_id
