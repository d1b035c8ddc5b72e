"""Tiles: what happened to each key in each hop of time, by the hop in which it became known.

A tile has the hop of its events' time and the hop of their arrival, so a value as of any instant
is a sum of tiles and of the few events of the last open hop; an event that arrives late makes a
tile of its own and changes none.
"""

from slate.aggregates.kept_events import Latest
from slate.compile.model_text import header, listed, seconds
from slate.compile.window_parts import tile_columns
from slate.views import FeatureView


def tiles_sql(view: type[FeatureView]) -> str:
    """The incremental model of a windowed view's tiles."""
    source = view.source
    keys = list(view.entity.keys)
    lists = any(
        isinstance(partial, Latest) and partial.column.length is not None
        for measure in view.measures.values()
        for partial in measure.partials
    )
    columns, window = _neighbours(keys, source.event_time) if lists else (" ", "")
    partials = [
        f"{sql} as {column}"
        for measure in view.measures.values()
        for column, sql in tile_columns(view, measure).items()
    ]
    present = " and ".join(f"{key} is not null" for key in keys)
    what = f"What windows of {view.name} are made of: partial results by hop of time and arrival."
    return f"""{header(what, view.__name__)}
{{{{ config(
    materialized='incremental',
    incremental_strategy='arrival_hours',
    arrival_column='arrived_hour',
    on_schema_change='fail'
) }}}}

with events as (
    select *{columns}from {{{{ ref('{source.model}') }}}}
    where {{{{ arrived('{source.arrival_time}') }}}} and {present}{window}
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

-- Whoever looks for a few keys need not read the rest.
select * from final
order by hop, {", ".join(keys)}
"""


def _neighbours(keys: list[str], time: str) -> tuple[str, str]:
    """The times of the key's events before and after each: columns, and their window (SQL).

    An event is alone in its tile if neither lies in its hop; see the macro ``latest_of_tile``.
    """
    columns = {"_before": "lag", "_after": "lead"}
    return (
        "".join(f",\n        {of}({time}) over by_time as {name}" for name, of in columns.items())
        + "\n    ",
        f"\n    window by_time as (partition by {', '.join(keys)} order by {time})",
    )
