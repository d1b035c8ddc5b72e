"""Features from the merged parts of their windows (SQL).

Each is an expression of what is merged. What the latest so many events alone say is a table of its
own in between, made event by event.
"""

from collections.abc import Iterable

from slate.aggregates import (
    EventsSql,
    Function,
    LatestFunction,
    Measure,
    OverLast,
    Partial,
    TileFunction,
    ValuesFunction,
)
from slate.compile.model_text import listed, seconds
from slate.compile.window_parts import latest_part
from slate.features import Aggregated
from slate.kinds import Kind
from slate.quoting import literal
from slate.views import FeatureView


def finished(feature: Aggregated, at: str) -> str:
    """A feature's value from its merged parts, as of an instant (SQL)."""
    measure, function = feature.measure, feature.measure.function
    if isinstance(function, OverLast):
        function = function.inner
    if isinstance(function, LatestFunction):
        name = latest_part(measure).column
        value = function.finish_sql(name, lambda event: _in_time(feature, event, at))
        if measure.length is not None:
            return value
    elif isinstance(function, ValuesFunction):
        (partial,) = function.partials(measure.column_kind)
        value = function.finish_sql(f"{feature.column}__{partial.part}", measure.length)
        if measure.length is not None:
            return f"coalesce({value}, [])"
        if function.empty is not None:
            return f"coalesce({value}, {function.empty})"
    else:
        assert isinstance(function, TileFunction)
        value = function.finish_sql(measure.column_kind, feature.column)
        if function.empty is not None:
            return value
    if feature.default is not None:
        value = f"coalesce({value}, {literal(feature.default)})"
    if feature.kind is Kind.FLOAT and measure.column_kind in (Kind.INTEGER, Kind.BOOLEAN):
        value = f"cast({value} as double)"
    return value


def of_last_events(
    features: Iterable[Aggregated], by: list[str], table: str, at: str
) -> tuple[str, str]:
    """What aggregates of the latest events alone are finished from, each of those of its window.

    Args:
        features: the features of the windows.
        by: the columns that tell the windows.
        table: what has them, with the lists of the latest events.
        at: the column of the instant that they end at.

    Returns:
        A CTE that ends in a comma, and the table joined with it; if there are no such aggregates
        nothing, and the table.
    """
    made, whole, lists = [], [], {}
    for feature in features:
        function, measure = feature.measure.function, feature.measure
        if not isinstance(function, OverLast):
            continue
        event = measure.tile_column("event")
        lists[event] = f"unnest({latest_part(measure).column}) as {event}"
        columns = f"{event}.event_ts", f"{event}.received_at", f"{event}.id"
        # The lists of a window are side by side, the shorter ones filled up with nulls.
        events = EventsSql(f"{event}.value", True, *columns, _in_time(feature, event, at))
        for partial in _inner_parts(measure, function.inner):
            column = f"{feature.column}__{partial.part}"
            made.append(f"{partial.part_of_events(events)} as {column}")
            pooled = partial.alone(column)
            whole.append(column if pooled == column else f"{pooled} as {column}")
    if not lists:
        return "", table
    windows = ", ".join(by)
    unnested = listed([*dict.fromkeys([*by, at]), *lists.values()], 16)
    cte = f"""last_events as (
    -- Event by event, the latest of each.
    select
        {listed([*by, *whole], 8)}
    from (
        select
            {listed([*by, *made], 12)}
        from (
            select
                {unnested}
            from {table}
        )
        group by {windows}
    )
),

"""
    return cte, f"{table}\n    left join last_events using ({windows})"


def _inner_parts(measure: Measure, function: Function) -> tuple[Partial, ...]:
    """The partials that an aggregate of a measure's latest events is finished from."""
    if isinstance(function, TileFunction):
        return function.sql_partials(measure.column_kind)
    return function.partials(measure.column_kind, measure.length)


def _in_time(feature: Aggregated, event: str, at: str) -> str:
    """Whether a latest event lies in the feature's window (SQL); empty where it always does."""
    view = feature.view
    assert issubclass(view, FeatureView)
    terms = []
    if feature.window is not None:
        length, hop = seconds(feature.window.length), seconds(feature.window.hop)
        terms.append(f"{event}.event_ts >= {{{{ window_start('{at}', {length}, {hop}) }}}}")
    if view.ttl_us is not None:
        terms.append(f"{event}.event_ts >= {at} - interval '{seconds(view.ttl_us)} seconds'")
    return " and ".join(terms)
