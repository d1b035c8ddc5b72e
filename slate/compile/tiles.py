"""Tiles: what happened to each key in each hop of time, by the hop in which it became known.

A tile has the hop of its events' time and the hop of their arrival, so a value as of any instant
is a sum of tiles and of the few events of the last open hop; an event that arrives late makes a
tile of its own and changes none.
"""

from slate.aggregates import Merge
from slate.compile.names import AS_OF, header, listed, seconds, tiles_model
from slate.compile.partials import all_parts, finished, over_events
from slate.features import Aggregated
from slate.views import FeatureView


def tiles_sql(view: type[FeatureView]) -> str:
    """The incremental model of a windowed view's tiles."""
    source = view.source
    keys = list(view.entity.keys)
    partials = [
        f"{over_events(view, measure, partial)} as {measure.tile_column(partial)}"
        for measure in view.measures.values()
        for partial in measure.partials
    ]
    present = " and ".join(f"{key} is not null" for key in keys)
    return f"""{header(view.__name__)}
{{{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='arrived_hour',
    on_schema_change='fail'
) }}}}

with events as (
    select * from {{{{ ref('{source.model}') }}}}
    where {{{{ arrived('{source.arrival_time}') }}}} and {present}
),

final as (
    {{%- for hop in {[seconds(level) for level in view.levels]} %}}
    select
        {listed(keys, 8)},
        cast({{{{ hop }}}} as bigint) as hop,
        {{{{ hop_number('{source.event_time}', hop) }}}} as tile,
        {{{{ hop_number('{source.arrival_time}', hop) }}}} as arrived,
        date_trunc('hour', {source.arrival_time}) as arrived_hour,
        max({source.event_time}) as latest_event_ts,
        {listed(partials, 8)}
    from events
    group by all
    {{%- if not loop.last %}}

    union all
    {{% endif %}}
    {{%- endfor %}}
)

select * from final
"""


def current_sql(view: type[FeatureView]) -> str:
    """The table of a windowed view's values at the end of what is known."""
    keys = list(view.entity.keys)
    features = [f for f in view.features.values() if isinstance(f, Aggregated)]
    parts = all_parts(tuple(features))
    merged = [
        f"{part.over_tiles(_in_window(view, feature))} as {column}"
        for column, (part, feature) in parts.items()
    ]
    pooled = [
        f"{part.across(['merged'])} as {column}" if part.merge is Merge.POOL else column
        for column, (part, _) in parts.items()
    ]
    return f"""{header(view.__name__)}
{{{{ config(materialized='table') }}}}

with known as (
    select tiles.*, as_of.as_of
    from {{{{ ref('{tiles_model(view)}') }}}} as tiles
    cross join {{{{ ref('{AS_OF}') }}}} as as_of
    where tiles.arrived_hour < as_of.as_of
),

merged as (
    select
        {listed(keys, 8)},
        max(latest_event_ts) as event_ts,
        any_value(as_of) as as_of,
        {listed(merged, 8)}
    from known
    group by {", ".join(keys)}
),

pooled as (
    select {listed([*keys, "event_ts", "as_of", *pooled], 8)}
    from merged
),

final as (
    select
        {listed([*keys, "event_ts", "as_of"], 8)},
        {listed([f"{finished(f, 'as_of')} as {f.column}" for f in features], 8)}
    from pooled
)

select * from final
"""


def _in_window(view: type[FeatureView], feature: Aggregated) -> str:
    """Which tiles a window ending at the end of what is known is made of."""
    window = feature.window
    if window is None or feature.measure.function.lasting:
        return f"hop = {seconds(view.levels[-1])}"
    hop = seconds(window.hop)
    return f"hop = {hop} and tile >= {{{{ hop_number('as_of', {hop}) }}}} - {window.hops}"
