"""Partial results in SQL: over events, over tiles, across the parts of a window, and finished.

An aggregate over a window is a merge of parts. Over events it becomes the columns of a tile; tiles
merge into parts of windows; the parts of one window merge into its partial results; and these are
finished into the feature. How each is written, ``slate.aggregates`` says.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from slate.aggregates import (
    EventsSql,
    Function,
    LatestFunction,
    Measure,
    OverLast,
    Partial,
    TileFunction,
    ValueCounts,
    ValuesFunction,
)
from slate.aggregates.partials import Latest
from slate.compile.names import listed, seconds
from slate.entities import column_of
from slate.features import Aggregated, Feature
from slate.filters import filter_sql, literal
from slate.kinds import Kind
from slate.views import FeatureView
from slate.windows import Window


def column_types(view: type[FeatureView], measure: Measure) -> dict[str, str]:
    """The columns in which a view's tiles keep a measure, with their SQL types."""
    types = [sql for partial in measure.partials for sql in partial.sql_types(_id_type(view))]
    return dict(zip(measure.tile_columns, types, strict=True))


def _id_type(view: type[FeatureView]) -> str:
    return view.source.columns[view.source.unique_id].kind.sql


def tile_columns(view: type[FeatureView], measure: Measure) -> dict[str, str]:
    """The columns in which a tile keeps a measure, with what they are over its events (SQL)."""
    events = _events(view, measure)
    found = [sql for partial in measure.partials for sql in partial.columns_of_events(events)]
    return dict(zip(measure.tile_columns, found, strict=True))


def _events(view: type[FeatureView], measure: Measure, condition: str = "") -> EventsSql:
    """The events that the measure's filter and a condition let in."""
    source = view.source
    column = None if measure.column is None else column_of(source, measure.column)
    return EventsSql(
        None if column is None else column.sql,
        column is not None and column.nullable,
        source.event_time,
        source.arrival_time,
        source.unique_id,
        "" if measure.where is None else filter_sql(measure.name, measure.where),
        condition,
    )


@dataclass(frozen=True)
class Part:
    """A column that holds a part of a window: of one feature, or of all windows of last values.

    Attributes:
        column: the column's name.
        partial: how several of them become one.
        measure: whose it is.
        window: the window; None of latest values, which serve all.
    """

    column: str
    partial: Partial
    measure: Measure
    window: Window | None = None

    @property
    def lasting(self) -> bool:
        """Whether it serves all windows of its measure."""
        return self.measure.lasting

    @property
    def listed(self) -> bool:
        """Whether it is a list of the latest events."""
        return isinstance(self.partial, Latest) and self.partial.listed

    @property
    def running(self) -> bool:
        """Whether what is known of it only grows: no tile ever leaves it."""
        return self.window is None or not self.window.bounded

    def over_all(self) -> str:
        """Of all tiles up to some, an aggregate to which ``over`` is added."""
        return self.partial.running(self.measure.name)

    def over_tiles(self, condition: str) -> str:
        """Of many tiles, those that meet a condition, as one."""
        return self.partial.part_of_tiles(self.measure.name, condition)

    def over_events(self, view: type[FeatureView], condition: str = "") -> str:
        """Of single events, those that meet a condition, as one."""
        return self.partial.part_of_events(_events(view, self.measure, condition))

    def across(self, tables: list[str]) -> str:
        """The parts that several tables hold, as one."""
        return self.partial.merged([f"{table}.{self.column}" for table in tables])


def latest_part(measure: Measure) -> Part:
    """The column of latest values: the latest of all are those of every window they lie in."""
    (partial,) = measure.partials
    return Part(measure.tile_column(partial.part), partial, measure)


def parts_of(feature: Aggregated) -> tuple[Part, ...]:
    """The columns that a feature's window is put together from."""
    measure, function = feature.measure, feature.measure.function
    if isinstance(function, LatestFunction):
        return (latest_part(measure),)
    partials: tuple[Partial, ...] = measure.partials
    if isinstance(function, TileFunction):
        partials = function.parts(measure.column_kind)
    return tuple(
        Part(f"{feature.column}__{partial.part}", partial, measure, feature.window)
        for partial in partials
    )


def all_parts(features: tuple[Feature, ...]) -> dict[str, tuple[Part, Aggregated]]:
    """The parts of several features by column, each once, with a feature that it is for."""
    return {
        part.column: (part, feature)
        for feature in features
        if isinstance(feature, Aggregated)
        for part in parts_of(feature)
    }


def merged_tiles(view: type[FeatureView], measure: Measure) -> list[tuple[str, dict[str, str]]]:
    """How tiles of one number become one, of a measure of tiles.

    Returns:
        For each partial its part over tiles, ending in ``as`` and a name, and its columns (SQL over
        that name).
    """
    found = []
    for partial in measure.partials:
        names = [measure.tile_column(suffix) for suffix in partial.suffixes]
        part = partial.part_of_tiles(measure.name, "")
        if len(names) == 1:
            (sql_type,) = partial.sql_types(_id_type(view))
            if isinstance(partial, ValueCounts):
                # Whichever tile came first.
                part = f"list_sort({part})"
            found.append((f"cast({part} as {sql_type}) as {names[0]}", {names[0]: names[0]}))
            continue
        name = f"{measure.name}__{partial.part}"
        columns = zip(
            names, partial.columns, partial.columns_of_part(f"merged.{name}"), strict=True
        )
        found.append(
            (f"{part} as {name}", {n: f"cast({sql} as {c.kind.sql})" for n, c, sql in columns})
        )
    return found


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
        column if (sql := p.merged([column])) == column else f"{sql} as {column}"
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
