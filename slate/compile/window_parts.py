"""Windows put together in SQL, of tiles and events.

::

    events ─► columns of a tile ─► part of a window ─► merged with others ─► feature
              (``tile_columns``)   (``Part``)          (history.sql)         (``finishing``)

A *partial* (``slate.aggregates.partials``) is what is kept of an aggregate: a sum, a number, a
list of the latest events. A *measure* is an aggregate with its place in a view, whatever its
windows: ``taps = count(over=["1h", "1d"])`` is one, of two features. A *part* is the column that
holds a partial of one window, or of a piece of it: what its tiles of one size add, or its single
events. How each is written in SQL, the partials say themselves.
"""

from dataclasses import dataclass

from slate.aggregates import (
    EventsSql,
    LatestFunction,
    Measure,
    Partial,
    TileFunction,
    ValueCounts,
)
from slate.aggregates.kept_events import Latest
from slate.features import Aggregated, Feature
from slate.filters import filter_sql
from slate.sources import column_of
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
    def length(self) -> int | None:
        """How many of the latest events it has at most; None where it is not a list of them."""
        return self.partial.column.length if isinstance(self.partial, Latest) else None

    @property
    def only_grows(self) -> bool:
        """Whether no tile ever leaves it, as of all of time: what is known of it only grows."""
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

    def alone(self, table: str) -> str:
        """The part that a table holds, as those are that were merged of several."""
        return self.partial.alone(f"{table}.{self.column}")


def latest_part(measure: Measure) -> Part:
    """The column of latest values: the latest of all are those of every window they lie in."""
    (partial,) = measure.partials
    return Part(measure.tile_column(partial.part), partial, measure)


def counted_words(part: Part, counts: ValueCounts) -> dict[str, object]:
    """What macros are told of a part that counts values; macros/history.sql explains it."""
    (column,) = part.measure.tile_columns
    valued = {"valued": counts.kind.sql} if counts.valued else {}
    return {"name": part.column, "counted": column, "kept": counts.kept, **valued}


def parts_of(feature: Aggregated) -> tuple[Part, ...]:
    """The columns that a feature's window is put together from."""
    measure, function = feature.measure, feature.measure.function
    if isinstance(function, LatestFunction):
        return (latest_part(measure),)
    partials: tuple[Partial, ...] = measure.partials
    if isinstance(function, TileFunction):
        partials = function.sql_partials(measure.column_kind)
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
            (part,) = partial.columns_of_part(part)
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
