-- What windows of show_activity are made of: partial results by hop of time and arrival.
-- Written by `slate compile` from ShowActivity: change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='arrived_hour',
    on_schema_change='fail'
) }}

with events as (
    select * from {{ ref('stg_events') }}
    where {{ arrived('received_at') }} and show_id is not null
),

final as (
    {%- for hop in [5, 30, 300, 3600] %}
    select
        show_id,
        cast({{ hop }} as bigint) as hop,
        {{ hop_number('event_ts', hop) }} as tile,
        {{ hop_number('received_at', hop) }} as arrived,
        date_trunc('hour', received_at) as arrived_hour,
        max(event_ts) as latest_event_ts,
        count(*) filter (where kind = 'view') as views__n,
        count(*) filter (where kind = 'tap') as taps__n,
        count(*) filter (where kind = 'chat') as chats__n,
        count(*) filter (where kind = 'bid') as bids__n,
        count(*) filter (where kind = 'purchase') as orders__n,
        count(*) filter (where kind = 'follow') as follows__n,
        count(*) filter (where kind = 'share') as shares__n,
        cast(sum(price) filter (where kind = 'purchase') as double) as sales__sum,
        cast(sum(watch_seconds) as double) as watched__sum,
        count(*) filter (where watch_seconds is not null) as usual_watch__n,
        cast(sum(watch_seconds) as double) as usual_watch__sum,
        count(*) filter (where kind = 'purchase' and price is not null) as usual_price__n,
        cast(sum(price) filter (where kind = 'purchase') as double) as usual_price__sum,
        count(*) filter (where kind = 'purchase' and price is not null) as price_spread__n,
        avg(price) filter (where kind = 'purchase') as price_spread__mean,
        var_pop(price) filter (where kind = 'purchase') * count(price) filter (where kind = 'purchase') as price_spread__m2,
        min(price) filter (where kind = 'purchase') as lowest_price__min,
        max(price) filter (where kind = 'bid') as highest_bid__max,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: price}) filter (where kind = 'purchase' and price is not null) as last_price__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: event_ts}) filter (where kind = 'bid') as last_bid_at__last
    from events
    group by all
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
)

-- Whoever looks for a few keys need not read the rest.
select * from final
order by hop, show_id
