"""What is published of a windowed view: its keys, and the tiles that their windows still need.

A window that moves on only loses tiles, so the tiles of the windows that end now answer for any
later instant too, until newer ones are published. The view's current values are made of these two
tables alone, as a lookup makes them: what is checked is what is published.
"""

from collections.abc import Iterable

from slate.aggregates import ValueCounts
from slate.compile.finishing import finished, of_last_events
from slate.compile.model_names import (
    current_model,
    online_keys_model,
    online_tiles_model,
    tiles_model,
)
from slate.compile.model_text import as_of, header, listed, seconds
from slate.compile.window_parts import (
    Part,
    all_parts,
    column_types,
    counted_words,
    latest_part,
    merged_tiles,
)
from slate.features import Aggregated
from slate.views import FeatureView
from slate.windows import ALL_OF_TIME


def longest_windows(view: type[FeatureView]) -> dict[int, int]:
    """For each size of tile that windows end in, how many hops the longest of them covers."""
    longest: dict[int, int] = {}
    for measure in view.measures.values():
        for window in () if measure.lasting else measure.windows:
            longest[window.hop] = max(longest.get(window.hop, 0), window.hops)
    return dict(sorted(longest.items()))


def _known(view: type[FeatureView]) -> str:
    return f"""known as (
    select tiles.*, as_of.as_of
    from {{{{ ref('{tiles_model(view)}') }}}} as tiles
    cross join {as_of(current_model(view))} as as_of
    where tiles.arrived_hour < as_of.as_of
)"""


def keys_sql(view: type[FeatureView]) -> str:
    """The table of a view's keys, numbered in their order, with the latest values of each."""
    keys = list(view.entity.keys)
    parts = [latest_part(measure) for measure in view.measures.values() if measure.lasting]
    latest = [f"{part.over_tiles('')} as {part.column}" for part in parts]
    what = f"The keys of {view.name} as they are published, each with its number."
    return f"""{header(what, view.__name__)}
{{{{ config(materialized='table') }}}}

with {_known(view)},

final as (
    select
        row_number() over (order by {", ".join(keys)}) - 1 as row,
        {listed(keys, 8)},
        max(latest_event_ts) as event_ts,
        {listed(["any_value(as_of) as as_of", *latest], 8)}
    from known
    where hop = {seconds(view.levels[-1])}
    group by {", ".join(keys)}
)

select * from final
order by row
"""


def tiles_sql(view: type[FeatureView]) -> str:
    """The table of the tiles that the windows of a view's keys still need, by number of the key."""
    keys = ", ".join(view.entity.keys)
    columns, finished_columns = [], []
    forever = [m for m in view.measures.values() if any(not w.bounded for w in m.windows)]
    for measure in view.measures.values():
        for part, made in () if measure.lasting else merged_tiles(view, measure):
            columns.append(part)
            finished_columns += [
                name if sql == name else f"{sql} as {name}" for name, sql in made.items()
            ]
    needed = "\n        or ".join(
        f"(hop = {seconds(hop)} and tile >= {{{{ hop_number('as_of', {seconds(hop)}) }}}} - {hops})"
        for hop, hops in longest_windows(view).items()
    )
    unbounded = "known"
    if forever:
        # All of time is one tile: that of all tiles of one size.
        kept = [*view.entity.keys, *(name for m in forever for name in m.tile_columns)]
        unbounded = f"""(
        select * from known
        union all by name
        select
            {seconds(ALL_OF_TIME)} as hop, 0 as tile, as_of, {", ".join(kept)}
        from known
        where hop = {seconds(view.levels[-1])}
    )"""
    what = f"The tiles that the windows of {view.name} still need, as they are published."
    return f"""{header(what, view.__name__)}
{{{{ config(materialized='table') }}}}

with {_known(view)},

merged as (
    select
        {listed([*view.entity.keys, "hop", "tile", *columns], 8)}
    from {unbounded}
    where {needed or "false"}
    group by {keys}, hop, tile
),

final as (
    select
        numbered.row,
        {listed(["merged.hop", "merged.tile", *finished_columns], 8)}
    from merged
    inner join {{{{ ref('{online_keys_model(view)}') }}}} as numbered using ({keys})
)

select * from final
order by row, hop, tile
"""


# What current values have besides where values are counted: which parts these are of, ...
_PARTS = """{{#- Which values are counted; macros/generated/history.sql explains the words. -#}}
{{%- set parts = [
    {},
] %}}

"""
# ... and how often the values of each occur.
_COUNTED = """values_of_tiles as (
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

"""


def current_sql(view: type[FeatureView]) -> str:
    """The values of what is published as of the instant that it is published as of.

    It is a dbt view, and so never holds what the tables that are published do not.
    """
    keys = list(view.entity.keys)
    features = [f for f in view.features.values() if isinstance(f, Aggregated)]
    parts = all_parts(tuple(features)).values()
    merged = [
        f"{_of_tiles(part, feature)} as {part.column}"
        for part, feature in parts
        if not isinstance(part.partial, ValueCounts)
    ]
    pooled = [
        part.column
        if (whole := part.alone("merged")) == f"merged.{part.column}"
        else f"{whole} as {part.column}"
        for part, _ in parts
    ]
    told, ctes, joined, rows = "", "", "", keys
    if words := _counted_words(parts):
        told, ctes, rows = _PARTS.format(listed(words, 4)), _COUNTED, ["row", *keys]
        joined = "\n    left join counted using (row)"
    last_events, found = of_last_events(features, keys, "pooled", "as_of")
    what = f"The values of {view.name} at the end of what is known, made of what is published."
    return f"""{header(what, view.__name__)}
{{{{ config(materialized='view') }}}}

{told}with published as (
    select *
    from {{{{ ref('{online_keys_model(view)}') }}}} as numbered
    left join {{{{ ref('{online_tiles_model(view)}') }}}} as tiles using (row)
),

merged as (
    select
        {listed(rows, 8)},
        any_value(event_ts) as event_ts,
        {listed(["any_value(as_of) as as_of", *merged], 8)}
    from published
    group by row, {", ".join(keys)}
),

{ctes}pooled as (
    select {listed([*keys, "event_ts", "as_of", *pooled], 8)}
    from merged{joined}
),

{last_events}final as (
    select
        {listed([*keys, "event_ts", "as_of"], 8)},
        {listed([f"{finished(f, 'as_of')} as {f.column}" for f in features], 8)}
    from {found}
)

select * from final
"""


def _counted_words(parts: Iterable[tuple[Part, Aggregated]]) -> list[str]:
    """What macros are told of the parts that count values, as dicts of Jinja."""
    found = []
    for part, _ in parts:
        if isinstance(part.partial, ValueCounts):
            assert part.window is not None
            hop, hops = seconds(part.window.hop), part.window.hops
            found.append(str(counted_words(part, part.partial) | {"hop": hop, "hops": hops}))
    return found


def _of_tiles(part: Part, feature: Aggregated) -> str:
    """A part of the window that ends at the instant of publishing."""
    if feature.window is None or part.lasting:
        # It is beside the key, and so beside each of its tiles.
        return f"any_value({part.column})"
    hop = seconds(feature.window.hop)
    return part.over_tiles(
        f"hop = {hop} and tile >= {{{{ hop_number('as_of', {hop}) }}}} - {feature.window.hops}"
    )


def keys_types(view: type[FeatureView]) -> dict[str, str]:
    """The columns of the table of keys, with their SQL types."""
    columns = {"row": "bigint"} | {key: kind.sql for key, kind in view.entity.keys.items()}
    columns |= {"event_ts": "timestamp", "as_of": "timestamp"}
    for measure in view.measures.values():
        if measure.lasting:
            columns |= column_types(view, measure)
    return columns


def tiles_types(view: type[FeatureView]) -> dict[str, str]:
    """The columns of the table of tiles, with their SQL types."""
    columns = {"row": "bigint", "hop": "bigint", "tile": "bigint"}
    for measure in view.measures.values():
        if not measure.lasting:
            columns |= column_types(view, measure)
    return columns
