"""Equal: the oracle, the training set and the online lookup agree on every feature."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.depth import either
from tests.parity.answers import differences
from tests.parity.conftest import second_is_thorough
from tests.parity.engines import Engines
from tests.parity.oracle import Oracle
from tests.parity.scenarios import (
    AT_ONCE,
    HOUR,
    MIDDAY,
    Scenario,
    bulk,
    by_service,
    scenarios,
)

# An example costs what planning all queries of a deployment does, however few rows it has.
EXAMPLES = either(2, 5)


def check_offline(engines: Engines, scenario: Scenario) -> int:
    """Hold every row of every training set against the oracle; gives the values compared."""
    oracle = Oracle(engines.registry, scenario.sources, scenario.models(engines.registry))
    asks = {
        (ask.service.name, ask.row[ask.service.spine.unique_id]): ask
        for ask in scenario.asks(engines.registry)
    }
    compared = 0
    with tempfile.TemporaryDirectory() as folder:
        for plan, rows in engines.offline(scenario, Path(folder)):
            service = plan.service
            wanted = {unique for name, unique in asks if name == service.name}
            assert rows.keys() == wanted
            for unique, row in rows.items():
                ask = asks[service.name, unique]
                expected = oracle.answer(service, ask.keys, ask.at, ask.inputs)
                actual = {feature.name: row[feature.name] for feature in service.features}
                wrong = differences(expected, actual)
                assert not wrong, f"offline, {ask.keys} at {ask.at}: {wrong[:5]}"
                compared += len(actual)
    return compared


def check_online(engines: Engines, scenario: Scenario, published: int, later: list[int]) -> int:
    """Publish what was known at an instant, and hold lookups then and later against the oracle."""
    engines.publish(scenario, published)
    registry = engines.registry
    oracle = Oracle(registry, scenario.sources, scenario.models(registry), published)
    compared = 0
    for ask in scenario.asks(registry):
        for at in [published, *later]:
            expected = oracle.answer(ask.service, ask.keys, at, ask.inputs)
            actual = engines.online(ask, at)
            wrong = differences(expected, actual)
            assert not wrong, f"online, {ask.keys} at {at}, known to {published}: {wrong[:5]}"
            compared += len(actual)
    for some in by_service(scenario.asks(registry)):
        compared += engines.together(some[:AT_ONCE], later[0])
    return compared


def many_rows(engines: Engines) -> Scenario:
    """Bulk: ties, window edges, late and repeated events, nulls, gaps, a heavy key."""
    return bulk(engines.registry, 1, rows=60, instants=6)


# Those of the bike-share's training sets are held against the oracle beside its history.
@pytest.mark.parametrize(
    "project",
    [pytest.param("bikes", marks=pytest.mark.thorough), "live_shopping"],
    indirect=True,
)
def test_many_rows_agree_offline(engines: Engines) -> None:
    assert check_offline(engines, many_rows(engines)) > 3_000


def test_many_rows_agree_online(engines: Engines) -> None:
    scenario = many_rows(engines)
    published = scenario.instants[1]
    assert check_online(engines, scenario, published, [published + 1]) > 5_000


@pytest.mark.thorough
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_events_agree_offline(engines: Engines, data: st.DataObject) -> None:
    """Property-based: whatever happened, the training set says what the oracle says."""
    check_offline(engines, data.draw(scenarios(engines.registry)))


@second_is_thorough
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_events_agree_online(engines: Engines, data: st.DataObject) -> None:
    """Property-based: a lookup merges exactly the window of its own instant, however much later."""
    scenario = data.draw(scenarios(engines.registry, rows=15, instants=2))
    published = data.draw(st.sampled_from(scenario.instants))
    later = data.draw(
        st.lists(st.integers(1, 40 * 24 * HOUR).map(lambda d: published + d), max_size=2)
    )
    check_online(engines, scenario, published, [MIDDAY + 40 * 24 * HOUR, *later])
