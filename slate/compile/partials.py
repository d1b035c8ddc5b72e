"""Partial results in SQL: over events, over tiles, across the parts of a window, and finished.

An aggregate over a window is a merge of parts. Over events it becomes the columns of a tile; tiles
merge into parts of windows; the parts of one window merge into its partial results; and these are
finished into the feature.
"""

from dataclasses import dataclass

from slate.aggregates import MAX, MIN, Measure, Merge, Partial
from slate.compile.names import seconds
from slate.features import Aggregated, Feature
from slate.filters import filter_sql, literal
from slate.kinds import Kind
from slate.views import FeatureView


def tile_type(view: type[FeatureView], partial: Partial) -> str:
    """The SQL type of a tile's column."""
    if partial.merge is not Merge.LATEST:
        return partial.kind.sql
    id_type = view.source.columns[view.source.unique_id].kind.sql
    event = (
        f"struct(event_ts timestamp, received_at timestamp, id {id_type}, value {partial.kind.sql})"
    )
    return event if partial.length is None else f"{event}[]"


def over_events(
    view: type[FeatureView], measure: Measure, partial: Partial, condition: str = ""
) -> str:
    """A partial result over the events that the measure's filter and a condition let in."""
    source, column = view.source, measure.column
    terms = [filter_sql(measure.name, measure.where)] if measure.where is not None else []
    nullable = column is not None and source.columns[column].nullable
    if nullable and (partial.suffix == "n" or partial.merge is Merge.LATEST):
        terms.append(f"{column} is not null")
    if condition:
        terms.append(condition)
    where = f" filter (where {' and '.join(terms)})" if terms else ""
    match partial.suffix:
        case "n":
            return f"count(*){where}"
        case "sum":
            return f"cast(sum({column}){where} as {partial.kind.sql})"
        case "upper" | "lower" as half:
            return f"cast(sum({{{{ {half}_half('{column}') }}}}){where} as {partial.kind.sql})"
        case "mean":
            return f"avg({column}){where}"
        case "m2":
            return f"var_pop({column}){where} * count({column}){where}"
        case "last":
            struct = (
                f"{{event_ts: {source.event_time}, received_at: {source.arrival_time}, "
                f"id: {source.unique_id}, value: {column}}}"
            )
            number = "" if partial.length is None else f", {partial.length}"
            return f"max({struct}{number}){where}"
    return f"{partial.suffix}({column}){where}"


@dataclass(frozen=True)
class Part:
    """A column that holds a part of a window: of one feature, or of all windows of last values.

    Attributes:
        column: the column's name.
        merge: how several of them become one.
        measure: whose it is.
        tile: the tile's column that it is made of; of a deviation, what the three begin with.
    """

    column: str
    merge: Merge
    measure: Measure
    tile: str

    def over_tiles(self, condition: str) -> str:
        """Of many tiles, those that meet a condition, as one."""
        if self.merge is Merge.POOL:
            where = " and ".join(term for term in (condition, f"{self.tile}__n > 0") if term)
            number = f"n: cast({self.tile}__n as double)"
            struct = f"{{{number}, mean: {self.tile}__mean, m2: {self.tile}__m2}}"
            return f"list({struct}) filter (where {where})"
        where = f" filter (where {condition})" if condition else ""
        if self.measure.length is not None:
            return latest_of(f"list({self.tile}){where}", self.measure.length)
        function = {Merge.SUM: "sum", Merge.MIN: "min"}.get(self.merge, "max")
        return f"{function}({self.tile}){where}"

    def over_events(self, view: type[FeatureView], condition: str = "") -> str:
        """Of single events, those that meet a condition, as one."""
        partials = self.measure.partials
        if self.merge is Merge.POOL:
            n, mean, m2 = (over_events(view, self.measure, p, condition) for p in partials)
            struct = f"{{n: cast({n} as double), mean: {mean}, m2: {m2}}}"
            return f"case when {n} > 0 then [{struct}] end"
        partial = next(p for p in partials if self.measure.tile_column(p) == self.tile)
        return over_events(view, self.measure, partial, condition)

    def across(self, tables: list[str]) -> str:
        """The parts that several tables hold, as one."""
        columns = [f"{table}.{self.column}" for table in tables]
        if len(columns) == 1 and self.merge is not Merge.POOL:
            return columns[0]
        if self.measure.length is not None:
            return latest_of(f"[{', '.join(columns)}]", self.measure.length)
        macro = {
            Merge.SUM: "sum_of",
            Merge.MIN: "least_of",
            Merge.POOL: "pooled",
        }.get(self.merge, "greatest_of")
        return f"{{{{ {macro}([{', '.join(map(repr, columns))}]) }}}}"


def latest_of(lists: str, length: int) -> str:
    """Of several lists of events (SQL, a list of them), the latest so many."""
    return f"{{{{ latest_of({lists!r}, {length}) }}}}"


def parts_of(feature: Aggregated) -> tuple[Part, ...]:
    """The columns that a feature's window is put together from."""
    measure = feature.measure
    if measure.function.lasting:
        # The latest events of all are the latest of every window that they lie in.
        tile = measure.tile_column(measure.partials[0])
        return (Part(tile, Merge.LATEST, measure, tile),)
    if measure.partials[0].merge is Merge.POOL:
        return (Part(f"{feature.column}__parts", Merge.POOL, measure, measure.name),)
    partials = measure.partials
    if measure.function in (MIN, MAX):
        partials = partials[-1:]  # null tells that there was no event
    return tuple(
        Part(f"{feature.column}__{p.suffix}", p.merge, measure, measure.tile_column(p))
        for p in partials
    )


def all_parts(features: tuple[Feature, ...]) -> dict[str, tuple[Part, Aggregated]]:
    """The parts of several features by column, each once, with a feature that it is for."""
    return {
        part.column: (part, feature)
        for feature in features
        if isinstance(feature, Aggregated)
        for part in parts_of(feature)
    }


def finished(feature: Aggregated, at: str) -> str:
    """A feature's value from its merged parts, as of an instant (SQL)."""
    base, measure = feature.column, feature.measure
    match measure.function.name:
        case "count":
            return f"cast(coalesce({base}__n, 0) as bigint)"
        case "sum" if measure.column_kind is Kind.INTEGER:
            return f"{{{{ total_of_halves('{base}__upper', '{base}__lower') }}}}"
        case "sum":
            return f"cast(coalesce({base}__sum, 0) as {feature.kind.sql})"
        case "mean":
            total = f"{base}__sum"
            if measure.column_kind is Kind.INTEGER:
                total = f"{{{{ float_of_halves('{base}__upper', '{base}__lower') }}}}"
            value = f"{total} / nullif({base}__n, 0)"
        case "std":
            value = f"sqrt({base}__parts.m2 / nullif({base}__parts.n, 0))"
        case "last":
            latest = f"{measure.name}__last"
            terms = _in_time(feature, latest, at)
            value = f"case when {terms} then {latest}.value end" if terms else f"{latest}.value"
        case "last_n":
            terms = _in_time(feature, "event", at)
            where = f" if {terms}" if terms else ""
            return f"coalesce([event.value for event in {measure.name}__last{where}], [])"
        case name:
            value = f"{base}__{name}"
    if feature.default is not None:
        value = f"coalesce({value}, {literal(feature.default)})"
    if feature.kind is Kind.FLOAT and measure.column_kind in (Kind.INTEGER, Kind.BOOLEAN):
        value = f"cast({value} as double)"
    return value


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
