-- What windows of viewer_activity are made of: partial results by hop of time and arrival.
-- Written by `slate compile` from ViewerActivity: change the definition, not this.

{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='arrived_hour',
    on_schema_change='fail'
) }}

with events as (
    select *,
        lag(event_ts) over by_time as _before,
        lead(event_ts) over by_time as _after
    from {{ ref('stg_events') }}
    where {{ arrived('received_at') }} and viewer_id is not null
    window by_time as (partition by viewer_id order by event_ts)
),

final as (
    {%- for hop in [5, 30, 300, 3600, 86400] %}
    select
        viewer_id,
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
        cast(sum(watch_seconds) as double) as watched__sum,
        max(watch_seconds) as longest_watch__max,
        cast(sum(price) filter (where kind = 'purchase') as double) as spend__sum,
        count(*) filter (where kind = 'bid' and price is not null) as usual_bid__n,
        cast(sum(price) filter (where kind = 'bid') as double) as usual_bid__sum,
        count(*) filter (where kind = 'bid' and price is not null) as bid_spread__n,
        avg(price) filter (where kind = 'bid') as bid_spread__mean,
        var_pop(price) filter (where kind = 'bid') * count(price) filter (where kind = 'bid') as bid_spread__m2,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: show_id}) as last_show__last,
        {{ latest_of_tile('{event_ts: event_ts, received_at: received_at, id: event_id, value: show_id}', 10, '', 'event_ts', hop) }} as recent_shows__last,
        max({event_ts: event_ts, received_at: received_at, id: event_id, value: category}) filter (where kind in ('tap', 'bid', 'purchase')) as last_category__last,
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
order by hop, viewer_id
