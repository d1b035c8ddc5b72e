"""Features from the merged parts of their windows (SQL).

Most are an expression of what is merged. How often values occur, and what the latest so many events
say, is a table of its own in between: one row for each value, or each event, of each window.
"""

from collections.abc import Iterable

from slate.aggregates import (
    EventsSql,
    Function,
    LatestFunction,
    OverLast,
    Partial,
    TileFunction,
    ValuesFunction,
)
from slate.compile.model_text import listed, seconds
from slate.compile.partials import latest_part
from slate.features import Aggregated
from slate.filters import literal
from slate.kinds import Kind
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
        value = counted_name(feature)
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


def finishing_ctes(
    features: Iterable[Aggregated], by: list[str], table: str, at: str
) -> tuple[list[str], str]:
    """What is made of the merged parts of windows before features are finished.

    Args:
        features: the features of the windows.
        by: the columns that tell the windows.
        table: what has them, with the features' parts.
        at: the column of the instant that they end at.

    Returns:
        The CTEs, and the table joined with those that have something to be finished.
    """
    ctes, joined = [], table
    for feature in features:
        name, inner = table, feature.measure.function
        if isinstance(inner, OverLast):
            inner, name = inner.inner, f"{feature.column}__events"
            ctes.append(_over_last_cte(name, feature, inner, by, table, at))
        if isinstance(inner, ValuesFunction):
            ctes.append(_counted_cte(feature, inner, by, name))
            name = counted_name(feature)
        if name != table:
            joined += f"\n    left join {name} using ({', '.join(by)})"
    return ctes, joined


def _inner_parts(feature: Aggregated, function: Function) -> tuple[Partial, ...]:
    """The partials that a feature's value is finished from, if it is not of latest values."""
    if isinstance(function, TileFunction):
        return function.parts(feature.measure.column_kind)
    return function.partials(feature.measure.column_kind, feature.measure.length)


def _over_last_cte(
    name: str, feature: Aggregated, inner: Function, by: list[str], table: str, at: str
) -> str:
    """An aggregate's parts over the latest events alone, those of a window where it has one."""
    part, windows = latest_part(feature.measure), ", ".join(by)
    event = "event.event_ts", "event.received_at", "event.id"
    events = EventsSql("event.value", False, *event, "")
    partials = {f"{feature.column}__{p.part}": p for p in _inner_parts(feature, inner)}
    made = [f"{p.part_of_events(events)} as {column}" for column, p in partials.items()]
    whole = [
        column if (sql := p.alone(column)) == column else f"{sql} as {column}"
        for column, p in partials.items()
    ]
    in_time = _in_time(feature, "event", at)
    where, asked = (
        f"\n        where {in_time}" if in_time else "",
        ", ".join(dict.fromkeys([*by, at])),
    )
    return f"""{name} as (
    select {listed([windows, *whole], 8)}
    from (
        select {listed([windows, *made], 12)}
        from (select {asked}, unnest({part.column}) as event from {table}){where}
        group by {windows}
    )
)"""


def counted_name(feature: Aggregated) -> str:
    """The column of ``_counted_cte``, and its own name."""
    return f"{feature.column}__counted"


def _counted_cte(feature: Aggregated, function: ValuesFunction, by: list[str], table: str) -> str:
    """The value of a feature that is of how often values occur, of each of a table's windows."""
    name, windows = counted_name(feature), ", ".join(by)
    (partial,) = function.partials(feature.measure.column_kind)
    value = "any_value(entry.value) as value, " if partial.valued else ""
    column = f"{feature.column}__{partial.part}"
    kept = f"""select {windows}, entry.code, {value}sum(entry.n) as n
        from (select {windows}, unnest({column}) as entry from {table})
        group by {windows}, entry.code
        qualify row_number() over (partition by {windows} order by entry.code) <= {function.kept}"""
    if function.beside:
        beside = ", ".join(f"{sql.format(by=windows)} as {n}" for n, sql in function.beside)
        kept = f"""select *, {beside}
        from (
        {kept}
        )"""
    return f"""{name} as (
    select {windows}, {function.finish_sql(feature.measure.length)} as {name}
    from (
        {kept}
    )
    group by {windows}
)"""


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
