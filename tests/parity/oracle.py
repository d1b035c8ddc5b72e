"""The oracle: every feature by its literal definition, from raw rows, in plain Python.

It scans all rows for each answer and shares no code with the engines, but for NumPy running the
expressions of request features, one row at a time: of the definitions it reads
only what they say (functions, columns, filters, windows, keys, defaults, recorded expressions).

What it takes as the definition, where more than one reading is possible:

- An event's time, also that of a model's row, is no later than its arrival.
- A row repeats an event, and is passed over, if a row of that id was loaded before it and the two
  arrived no further apart than the source's horizon.
- A row is known at t if it arrived before t (and before ``known_before``, where that is given).
- NaN in raw rows is null. An event or a row with a null key belongs to nobody.
- A ttl bounds the latest row of an attribute view and the last values of a windowed view; counts
  and the like are bounded by their windows alone.
- Values have an order that favours none: that of 63 bits of the MD5 of their text. Of more values
  than are exact, the first so many of that order, and one more, tell how many there are and where a
  quantile is; what is most frequent cannot be told of them.
- An aggregate of the last n events is of those of its window that take part.
- The latest n values are those of the latest n events that have one: a list of fewer, where there
  are fewer.
- An input that a request leaves out, or brings as null, has its default.
- What hangs on a null key has no row: declared defaults and empty windows.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from slate import Entity, FeatureService, FeatureView, Registry, Source
from slate.aggregates import Function, OverLast, ValuesFunction
from slate.expressions import Now
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.kinds import Kind
from slate.sources import column_of
from tests.parity.aggregates import meets, of_values, reduced, value_of
from tests.parity.answers import (
    Instant,
    Scalar,
    Values,
    answered,
    differences,
    is_null,
    micros,
    plain,
)
from tests.parity.expressions import Listed, Term, interpret
from tests.parity.landing import Row

Key = tuple[Any, ...]

__all__ = ["Oracle", "Values", "differences"]


class Oracle:
    """All raw rows of a deployment, ready to be asked.

    Args:
        registry: the definitions.
        sources: accepted rows of each source by its name, in load order; repeats included.
        models: rows of each attribute view's model by the model's name: the entity's keys,
            event_ts, received_at, row_id and the attributes.
        known_before: rows that arrived then or later are not known to anybody.
    """

    def __init__(
        self,
        registry: Registry,
        sources: Mapping[str, Sequence[Row]],
        models: Mapping[str, Sequence[Row]],
        known_before: datetime | int | None = None,
    ) -> None:
        self.registry = registry
        until = math.inf if known_before is None else micros(known_before)
        self.events = {
            name: _events(source, sources.get(name, ()), until)
            for name, source in registry.sources.items()
        }
        self.rows = {
            view.name: _model_rows(view, models.get(view.model, ()), until)
            for view in registry.views.values()
            if not view.windowed
        }

    def answer(
        self,
        service: FeatureService,
        keys: Row,
        at: datetime | int,
        inputs: Row | None = None,
    ) -> Values:
        """Every feature of a service, as of an instant.

        Args:
            service: the service.
            keys: the request's keys by name.
            at: the instant asked about.
            inputs: what else the request brings.
        """
        now = micros(at)
        reach = self._reach(service, keys, now)
        stored: dict[str, dict[str, Term]] = {}

        def leaf(expr: object) -> Term:
            if isinstance(expr, Now):
                return Term(Instant(now))
            assert isinstance(expr, Feature)
            if isinstance(expr, Computed):
                return _as_kind(expr.kind, interpret(expr.expression, leaf))
            if isinstance(expr, Input):
                given = (inputs or {}).get(expr.column)
                return Term(_scalar(expr.kind, expr.default if is_null(given) else given))
            view = expr.view
            assert issubclass(view, FeatureView)
            if view.name not in stored:
                stored[view.name] = self._read(view, _key(view.entity, reach), now)
            return stored[view.name][expr.column]

        return _values((feature, leaf(feature)) for feature in service.features)

    def read(self, view: type[FeatureView], key: Key, at: datetime | int) -> Values:
        """Every feature of one view for one key, as of an instant."""
        terms = self._read(view, key, micros(at))
        return _values((feature, terms[feature.column]) for feature in view.features.values())

    def _reach(self, service: FeatureService, keys: Row, now: int) -> dict[str, Any]:
        """The key of each entity (by name) that the request brings or its keys lead to."""
        reach = {entity.name: keys.get(only(entity.keys)) for entity in service.keys}
        leads = [
            feature
            for view in self.registry.views.values()
            for feature in view.features.values()
            if isinstance(feature, Attribute) and feature.key_of is not None
        ]
        while True:
            found: dict[str, Any] = {}
            for lead in leads:
                assert lead.key_of is not None
                assert issubclass(lead.view, FeatureView)
                parts = lead.view.entity.parts.values() or [lead.view.entity]
                if lead.key_of.name not in reach and all(part.name in reach for part in parts):
                    key = _key(lead.view.entity, reach)
                    found[lead.key_of.name] = self._read(lead.view, key, now)[lead.column].value
            if not found:
                return reach
            reach |= found

    def _read(self, view: type[FeatureView], key: Key, now: int) -> dict[str, Term]:
        if view.windowed:
            events = [
                event
                for event in self.events[view.source.name]
                if event[view.source.arrival_time] < now and _has_key(view.entity, event, key)
            ]
            return {f.column: _aggregated(f, events, now) for f in view.features.values()}
        rows = [
            row
            for row in self.rows[view.name]
            if row["received_at"] < now and _has_key(view.entity, row, key)
        ]
        row: Row = max(
            rows, key=lambda r: (r["event_ts"], r["received_at"], r["row_id"]), default={}
        )
        if row and view.ttl_us is not None and row["event_ts"] < now - view.ttl_us:
            row = {}
        return {
            f.column: Term(_scalar(f.kind, _or_default(f, row.get(f.column))))
            for f in view.features.values()
        }


def only(names: Iterable[str]) -> str:
    """The one name that there is."""
    (name,) = names
    return name


def _scalar(kind: Kind, value: Any) -> Scalar:
    """A plain value as an expression sees it."""
    if kind is Kind.TIME:
        return Instant(None if value is None else micros(value))
    if kind is Kind.FLOAT:
        return math.nan if value is None else float(value)
    assert value is not None or kind is Kind.STRING, f"{kind} has no null"
    return value  # type: ignore[no-any-return]


def _or_default(feature: Feature, value: Any) -> Any:
    return feature.default if value is None else value


def _events(source: type[Source], rows: Sequence[Row], until: float) -> list[dict[str, Any]]:
    """The known events of a source without repeats."""
    events = []
    loaded: dict[Any, list[int]] = {}
    for raw in rows:
        row = {name: plain(column.kind, raw[name]) for name, column in source.columns.items()}
        arrival = row[source.arrival_time]
        if arrival >= until:
            continue
        row[source.event_time] = min(row[source.event_time], arrival)
        earlier = loaded.setdefault(row[source.unique_id], [])
        if all(abs(arrival - other) > source.horizon for other in earlier):
            events.append(row)
        earlier.append(arrival)
    return events


def _model_rows(view: type[FeatureView], rows: Sequence[Row], until: float) -> list[dict[str, Any]]:
    found = []
    for raw in rows:
        row = {name: plain(f.kind, raw[name]) for name, f in view.features.items()}
        row |= {key: raw[key] for key in view.entity.keys} | {"row_id": raw["row_id"]}
        row["received_at"] = micros(raw["received_at"])
        row["event_ts"] = min(micros(raw["event_ts"]), row["received_at"])
        if row["received_at"] < until:
            found.append(row)
    return found


def _key(entity: type[Entity], reach: Mapping[str, Any]) -> Key:
    return tuple(reach[part.name] for part in entity.parts.values() or [entity])


def _has_key(entity: type[Entity], row: Row, key: Key) -> bool:
    return all(
        part is not None and row[name] == part for name, part in zip(entity.keys, key, strict=True)
    )


def _aggregated(feature: Feature, events: list[dict[str, Any]], now: int) -> Term:
    """One aggregate over the known events of one key."""
    assert isinstance(feature, Aggregated)
    measure, window = feature.measure, feature.window
    view = feature.view
    assert issubclass(view, FeatureView)
    source = view.source
    start: float = -math.inf
    if window is not None and window.name != "forever":
        start = (now - window.length) // window.hop * window.hop
    function: Function = measure.function
    of_last = function.number if isinstance(function, OverLast) else None
    if isinstance(function, OverLast):
        function = function.inner
    name = function.name
    if (of_last or name in ("last", "last_n")) and view.ttl_us is not None:
        start = max(start, now - view.ttl_us)
    inside = [
        event
        for event in events
        if start <= event[source.event_time] < now
        and meets(measure.where, event)
        and (
            measure.column is None or value_of(column_of(source, measure.column), event) is not None
        )
    ]
    order = (source.event_time, source.arrival_time, source.unique_id)
    if of_last:
        inside.sort(key=lambda e: tuple(e[name] for name in order), reverse=True)
        inside = inside[:of_last]
    if name == "count":
        return Term(len(inside))
    assert measure.column is not None
    if name in ("last", "last_n"):
        inside.sort(key=lambda e: tuple(e[name] for name in order), reverse=True)
        column = column_of(source, measure.column)
        values = [value_of(column, event) for event in inside[: measure.length or 1]]
        if name == "last_n":
            return Listed(values=tuple(_scalar(feature.kind, value) for value in values))
        return Term(_scalar(feature.kind, _or_default(feature, next(iter(values), None))))
    if name == "first":
        inside.sort(key=lambda e: tuple(e[name] for name in order))
        inside = inside[:1]
    inputs = [value_of(column_of(source, measure.column), event) for event in inside]
    if isinstance(function, ValuesFunction):
        found = of_values(function, measure.column_kind, inputs)
        if measure.length is not None:
            return Listed(values=tuple(_scalar(feature.kind, v) for v in found[: measure.length]))
        return Term(_scalar(feature.kind, _or_default(feature, next(iter(found), None))))
    value, slack = reduced(name, inputs)
    return Term(_scalar(feature.kind, _or_default(feature, value)), slack)


def _as_kind(kind: Kind, term: Term) -> Term:
    """An expression's result as its annotation promises it."""
    value = term.value
    if kind is Kind.FLOAT and isinstance(value, int):
        return Term(float(value), term.slack)
    return term


def _values(terms: Iterable[tuple[Feature, Term]]) -> Values:
    values = Values()
    for feature, term in terms:
        values[feature.name] = (
            list(map(answered, term.values)) if isinstance(term, Listed) else answered(term.value)
        )
        values.slack[feature.name] = term.slack
    return values
