"""Scenarios: raw data for any registry, made to be as awkward as real data at its worst.

A few keys, one of them heavy; times at the very edges of windows and hops of the asked instants, a
microsecond to either side, and equal among rows; arrivals late by a microsecond or by days, or
before the event; ids sent again with other contents; nulls; sources without rows; unknown keys.

The same generator draws from Hypothesis, which shrinks what fails, and from a seeded random
generator, for bulk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from slate import FeatureService, Registry, Source
from slate.kinds import Kind
from slate.limits import LARGEST
from slate.source_columns import Column
from tests.parity.answers import micros
from tests.parity.choices import Chooser, Drawn, Seeded
from tests.parity.landing import Row, landing_table, model_rows, moment, origin, write_landing

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

# The asked instants lie around here.
MIDDAY = micros(datetime(2026, 3, 10, 12, tzinfo=UTC))

# The first is asked about and written about most; the last has never an event.
TEXT_KEYS = ("a", "b", "é:{c}", "it's", "nobody")
WHOLE_KEYS = (7, 0, 2**40, -1, 404)
WEIGHTS = (8, 3, 2, 1)

# The rows of a request of several.
AT_ONCE = 5

TEXTS = ("a", "x", "Zürich", "it's", "x|y,z", "")
WHOLES = (0, 1, 2, 5, 59, -3, 1_000_003, 2**33)
FLOATS = (0.0, 0.25, 1.0, 4.5, 20.0, -7.75, 0.1, 1e-3, 12_345.678, 1e6)
# The ends of what an event may bring. (Attributes, which expressions add up, wrap as NumPy does.)
EXTREMES = {
    Kind.INTEGER: (2**63 - 1, -(2**63)),
    Kind.FLOAT: (LARGEST, -LARGEST),
}


@dataclass(frozen=True)
class Ask:
    """One request: what a row of a service's spine stands for.

    Attributes:
        service: who is asked.
        keys: the request's keys by name.
        at: the instant asked about.
        inputs: what else the request brings.
        row: the spine's row.
    """

    service: FeatureService
    keys: dict[str, Any]
    at: datetime
    inputs: dict[str, Any]
    row: Row


@dataclass
class Scenario:
    """Raw data of a deployment.

    Attributes:
        sources: the rows of each source by its name, in load order.
        instants: the instants around which they lie, in microseconds, sorted.
    """

    sources: dict[str, list[dict[str, Any]]]
    instants: list[int] = field(default_factory=list)

    def asks(self, registry: Registry) -> Iterator[Ask]:
        """A request for each row of each service's spine, repeats left out."""
        for plan in registry.plans.values():
            service, seen = plan.service, set()
            for row in self.sources[service.spine.name]:
                if (unique := row[service.spine.unique_id]) in seen:
                    continue
                seen.add(unique)
                at = min(row[service.spine.event_time], row[service.spine.arrival_time])
                keys = {key: row[key] for key in service.request_keys}
                inputs = {i.column: row[i.column] for i in plan.inputs}
                yield Ask(service, keys, at, inputs, row)

    def models(self, registry: Registry) -> dict[str, list[dict[str, Any]]]:
        """The rows of each attribute view's model, where that only renames a source's columns."""
        return {
            view.model: model_rows(view, origin(registry, view), self.sources)
            for view in registry.views.values()
            if not view.windowed
        }

    def tables(self, registry: Registry) -> dict[str, pa.Table]:
        """Each source's rows as it lands, by the source's name."""
        return {
            name: landing_table(registry.sources[name], rows) for name, rows in self.sources.items()
        }

    def land(self, registry: Registry, landing: Path) -> list[datetime]:
        """Write the landing files, one for each source and hour of arrival.

        Returns:
            The hours that have a file, sorted.
        """
        hours: set[datetime] = set()
        for name, rows in self.sources.items():
            hours |= write_landing(landing, registry.sources[name], rows)
        return sorted(hours)


def by_service(asks: Iterable[Ask]) -> list[list[Ask]]:
    """Requests, those of each service together."""
    found: dict[str, list[Ask]] = {}
    for ask in asks:
        found.setdefault(ask.service.name, []).append(ask)
    return list(found.values())


def scenarios(
    registry: Registry, *, rows: int = 25, instants: int = 3
) -> st.SearchStrategy[Scenario]:
    """Scenarios that shrink.

    Args:
        registry: for which definitions.
        rows: the most rows of each source.
        instants: the most instants asked about.
    """

    @st.composite
    def made(draw: st.DrawFn) -> Scenario:
        choose = Drawn(draw)
        sizes = {name: choose.whole(0, rows) for name in registry.sources}
        return make(registry, choose, sizes, choose.whole(1, instants))

    return made()


def bulk(registry: Registry, seed: int, *, rows: int, instants: int = 8) -> Scenario:
    """A scenario of a given size, the same for the same seed.

    Args:
        registry: for which definitions.
        seed: of the random generator.
        rows: the number of rows of each source.
        instants: the number of instants asked about.
    """
    choose = Seeded(np.random.default_rng(seed))
    return make(registry, choose, dict.fromkeys(registry.sources, rows), instants)


def make(registry: Registry, choose: Chooser, sizes: dict[str, int], instants: int) -> Scenario:
    """A scenario from choices.

    Args:
        registry: for which definitions.
        choose: where the choices come from.
        sizes: the number of rows of each source by its name.
        instants: how many instants are asked about.
    """
    asked = sorted(_instant(choose) for _ in range(instants))
    spines = {service.spine.name for service in registry.services.values()}
    made = {}
    for name, source in registry.sources.items():
        edges = [] if name in spines else _edges(registry, source, asked)
        made[name] = _rows(registry, source, choose, sizes[name], asked, edges)
    return Scenario(made, asked)


def _instant(choose: Chooser) -> int:
    """An instant to ask about: at, or near, or off a hop's and an hour's edge."""
    off = choose.pick((0, 1, -1, 7 * SECOND + 123_457, 599_999_999))
    return MIDDAY + choose.whole(-30, 30) * choose.pick((HOUR, 5 * SECOND)) + off


def _edges(registry: Registry, source: type[Source], asked: list[int]) -> list[int]:
    """The instants at which something of this source comes into a window or leaves it."""
    edges = set()
    for view in registry.views.values():
        reads = view.source if view.windowed else origin(registry, view)
        if reads is not source:
            continue
        if view.ttl_us is not None:
            edges |= {at - view.ttl_us for at in asked}
        for window in {w for m in view.measures.values() for w in m.windows if w.bounded}:
            for at in asked:
                start = (at - window.length) // window.hop * window.hop
                edges |= {start, at // window.hop * window.hop, start + window.hop}
    return sorted(edges)


def _rows(
    registry: Registry,
    source: type[Source],
    choose: Chooser,
    size: int,
    asked: list[int],
    edges: list[int],
) -> list[dict[str, Any]]:
    keys = {key for entity in registry.entities.values() for key in entity.keys}
    asking = {
        key for s in registry.services.values() if s.spine is source for key in s.request_keys
    }
    rows: list[dict[str, Any]] = []
    for number in range(size):
        around = edges if edges and choose.whole(0, 1) else asked
        event = _event_time(source, choose, around, rows)
        row: dict[str, Any] = {}
        for column in source.columns.values():
            if column.name in keys:
                row[column.name] = _key(column, choose, unknown=column.name in asking)
            else:
                row[column.name] = _value(column, choose, around)
        row[source.unique_id] = _unique(source, choose, number)
        row[source.event_time] = moment(event)
        row[source.arrival_time] = moment(event + _delay(choose))
        if rows and choose.whole(0, 11) == 11:
            _repeat(source, choose, choose.pick(rows), row)
        rows.append(row)
    # As it is loaded: by file, that is by hour of arrival, then by arrival; then as in the file.
    return sorted(rows, key=lambda row: row[source.arrival_time])


def _event_time(
    source: type[Source], choose: Chooser, around: list[int], rows: list[dict[str, Any]]
) -> int:
    way = choose.whole(0, 9)
    if way < 5:
        return choose.pick(around) + choose.pick((0, -1, 1, -2, -400_000))
    if way < 7 and rows:
        return micros(choose.pick(rows)[source.event_time])
    # In clusters of seconds to days before an edge; what lies between stays empty.
    span = choose.pick((SECOND, 60 * SECOND, HOUR, 2 * DAY))
    return choose.pick(around) - choose.whole(0, span)


def _delay(choose: Chooser) -> int:
    """From event to arrival: mostly little, now and then over hops and days, or before it."""
    usual = (0, 0, 1, 1, SECOND, 7 * SECOND, 90 * SECOND)
    odd = (-1, -5 * SECOND, -2 * HOUR, 11 * 60 * SECOND, HOUR, 7 * HOUR + 1, DAY, 3 * DAY)
    delay = choose.pick(usual if choose.whole(0, 9) < 7 else odd)
    return delay + choose.pick((0, 0, 1, 999_999)) if delay > 0 else delay


def _repeat(
    source: type[Source], choose: Chooser, first: dict[str, Any], row: dict[str, Any]
) -> None:
    """Make a row a repeat: the same id, within the horizon, whatever it says."""
    row[source.unique_id] = first[source.unique_id]
    arrival = micros(first[source.arrival_time])
    row[source.arrival_time] = moment(arrival + choose.whole(0, min(source.horizon, 5 * HOUR)))


def _unique(source: type[Source], choose: Chooser, number: int) -> Any:
    # The order of ids is not that of the events.
    mixed = number * 7 % 10 * 1_000_000 + number
    return mixed if source.columns[source.unique_id].kind is Kind.INTEGER else f"id{mixed:08d}"


def _key(column: Column, choose: Chooser, *, unknown: bool) -> Any:
    if column.nullable and choose.whole(0, 9) == 9:
        return None
    one_of = column.constraints.one_of
    pool: Sequence[Any] = WHOLE_KEYS if column.kind is Kind.INTEGER else TEXT_KEYS
    if one_of is not None:
        return choose.pick(one_of)
    if unknown and choose.whole(0, 14) == 14:
        return pool[-1]
    return choose.pick([key for key, n in zip(pool, WEIGHTS, strict=False) for _ in range(n)])


def _value(column: Column, choose: Chooser, around: list[int]) -> Any:
    """A value of a column that its definition accepts."""
    if column.nullable and choose.whole(0, 3) == 3:
        return None
    bounds = column.constraints
    if bounds.one_of is not None:
        return choose.pick(bounds.one_of)
    if column.kind is Kind.BOOLEAN:
        return choose.pick((False, True))
    if column.kind is Kind.TIME:
        return moment(choose.pick((choose.pick(around), MIDDAY - 700 * DAY, -1)))
    if column.kind is Kind.STRING:
        # Only where a column may be null may it be empty.
        return choose.pick(TEXTS if column.nullable else TEXTS[:-1])
    usual: tuple[float, ...] = WHOLES if column.kind is Kind.INTEGER else FLOATS
    extremes = EXTREMES[column.kind] if column.source.stream else ()
    allowed = [
        value
        for value in (*usual, *extremes, bounds.least, bounds.greatest)
        if value is not None
        and (bounds.least is None or value >= bounds.least)
        and (bounds.greatest is None or value <= bounds.greatest)
    ]
    value = choose.pick(allowed)
    return float(value) if column.kind is Kind.FLOAT else value
