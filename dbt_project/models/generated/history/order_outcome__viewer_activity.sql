-- The values of viewer_activity at the instants that order_risk_v1 asks about.
-- Written by `slate compile` from ViewerActivity and FeatureService('order_risk', version=1): change the definition, not this.

{{ config(materialized='table') }}

{#- What windows are made of; macros/generated/history.sql says what the words mean. -#}
{%- set keys = ['viewer_id'] %}
{%- set levels = {'tiles_5s': 5, 'tiles_30s': 30, 'tiles_5m': 300, 'tiles_1h': 3600, 'tiles_1d': 86400} %}
{%- set parts = [
    {'name': 'taps_1d__n', 'tiles': 'sum(taps__n) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
    {'name': 'watched_1d__sum', 'tiles': 'sum(watched__sum) filter (where %s)', 'hop': 3600, 'hops': 24, 'merged': sum_of},
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
        count(*) filter (where kind = 'tap' and event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as taps_1d__n,
        cast(sum(watch_seconds) filter (where event_ts >= {{ window_start('asked_at', 86400, 3600) }}) as double) as watched_1d__sum
    from hops
    inner join (
        select *, {{ hop_number('received_at', 5) }} as hop_5 from {{ ref('stg_events') }}
    ) as events using (viewer_id, hop_5)
    where received_at < asked_at
    group by viewer_id, asked_at
),

{{ known_parts(ref('viewer_activity_tiles'), keys, levels, parts) }}

merged as (
    {{ merged_parts(keys, levels, parts) }}
),

final as (
    select
        viewer_id,
        asked_at,
        cast(coalesce(taps_1d__n, 0) as bigint) as taps_1d,
        cast(coalesce(watched_1d__sum, 0) as double) as watched_1d
    from merged
)

select * from final
