"""Scenarios hold what they promise, for any registry."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slate import Registry, Source
from slate.source_columns import Column
from tests.depth import either
from tests.parity.answers import micros
from tests.parity.landing import origin
from tests.parity.oracle import Oracle
from tests.parity.scenarios import Scenario, bulk, scenarios

REGISTRIES = {
    "bikes": Registry.from_module("tests.deployments.bikes.definitions"),
    "live_shopping": Registry.from_module("live_shopping.definitions"),
}
# What happens in the marketplace is made up as in the bike-share, of the same kinds of columns.
both = pytest.mark.parametrize(
    "name", ["bikes", pytest.param("live_shopping", marks=pytest.mark.thorough)]
)


@cache
def made(name: str) -> Scenario:
    return bulk(REGISTRIES[name], 7, rows=500)


def accepted(column: Column, value: Any) -> bool:
    """Whether a column's definition allows a value."""
    if value is None:
        return column.nullable
    limits = column.constraints
    return (
        column.kind.accepts(value)
        and (column.nullable or value != "")
        and (limits.least is None or value >= limits.least)
        and (limits.greatest is None or value <= limits.greatest)
        and (limits.one_of is None or value in limits.one_of)
    )


def check_rows(source: type[Source], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row.keys() == source.columns.keys()
        wrong = [c for c in source.columns.values() if not accepted(c, row[c.name])]
        assert not wrong, (wrong, row)
    arrivals = [row[source.arrival_time] for row in rows]
    assert arrivals == sorted(arrivals)


@both
@settings(max_examples=either(10, 25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_row_is_accepted_and_every_ask_is_answered(name: str, data: st.DataObject) -> None:
    registry = REGISTRIES[name]
    scenario = data.draw(scenarios(registry, rows=6))
    for source in registry.sources.values():
        check_rows(source, scenario.sources[source.name])
    oracle = Oracle(registry, scenario.sources, scenario.models(registry))
    for ask in scenario.asks(registry):
        values = oracle.answer(ask.service, ask.keys, ask.at, ask.inputs)
        assert list(values) == [feature.name for feature in ask.service.features]
        nulls = [f for f in ask.service.features if values[f.name] is None and not f.kind.has_null]
        assert not nulls


@both
def test_a_bulk_is_the_same_for_the_same_seed(name: str) -> None:
    registry = REGISTRIES[name]
    assert bulk(registry, 7, rows=500).sources == made(name).sources
    assert bulk(registry, 8, rows=500).sources != made(name).sources


@both
def test_a_bulk_is_as_awkward_as_it_says(name: str) -> None:
    registry, scenario = REGISTRIES[name], made(name)
    for source in registry.sources.values():
        rows = scenario.sources[source.name]
        check_rows(source, rows)
        event, arrival = source.event_time, source.arrival_time
        lateness = [row[arrival] - row[event] for row in rows]
        assert min(lateness).total_seconds() < 0
        assert max(lateness).days >= 1
        assert len({row[source.unique_id] for row in rows}) < len(rows)
        assert len({row[event] for row in rows}) < len(rows) - 20
        assert any(one == other for one, other in pairwise(sorted(row[arrival] for row in rows)))
        for column in source.columns.values():
            if column.nullable:
                assert any(row[column.name] is None for row in rows)


@both
def test_events_lie_at_the_edges_of_windows(name: str) -> None:
    registry, scenario = REGISTRIES[name], made(name)
    windowed = [view for view in registry.views.values() if view.windowed]
    # Views of one source have its events in common.
    windows = {(v.source, w) for v in windowed for m in v.measures.values() for w in m.windows}
    reached = 0
    for source, window in windows:
        times = {micros(row[source.event_time]) for row in scenario.sources[source.name]}
        starts = {(t - window.length) // window.hop * window.hop for t in scenario.instants}
        reached += bool(times & {start + by for start in starts for by in (-1, 0, 1)})
    assert reached > 0.75 * len(windows)


@both
def test_features_have_values_and_lack_them_too(name: str) -> None:
    registry, scenario = REGISTRIES[name], made(name)
    oracle = Oracle(registry, scenario.sources, scenario.models(registry))
    filled: dict[str, set[bool]] = {}
    for ask in list(scenario.asks(registry))[::5]:
        values = oracle.answer(ask.service, ask.keys, ask.at, ask.inputs)
        for feature in ask.service.features:
            has = values[feature.name] not in (None, feature.default)
            filled.setdefault(feature.name, set()).add(has)
    assert [feature for feature, has in filled.items() if True not in has] == []
    assert sum(False in has for has in filled.values()) > 0.6 * len(filled)


def test_landing_files_hold_the_rows_of_their_hour(tmp_path: Path) -> None:
    registry, scenario = REGISTRIES["bikes"], made("bikes")
    hours = scenario.land(registry, tmp_path)
    for source in registry.sources.values():
        rows = []
        for hour in hours:
            file = tmp_path / source.landing / f"{hour:%Y-%m-%d}/{hour:%H}.parquet"
            if file.exists():
                table = pq.read_table(file, partitioning=None)
                assert {f"{t:%Y-%m-%d/%H}" for t in table[source.arrival_time].to_pylist()} == {
                    f"{hour:%Y-%m-%d/%H}"
                }
                rows += table.to_pylist()
        assert rows == scenario.sources[source.name]


def test_each_attribute_view_has_its_source() -> None:
    assert (
        origin(REGISTRIES["bikes"], REGISTRIES["bikes"].view("bike_profile")).name == "bike_change"
    )


def test_an_empty_scenario_has_no_asks() -> None:
    registry = REGISTRIES["bikes"]
    assert list(Scenario({name: [] for name in registry.sources}).asks(registry)) == []
