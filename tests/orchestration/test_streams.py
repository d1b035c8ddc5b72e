"""Streams in Dagster: what it shows and tells of them, and its hourly job beside a worker."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from slate.assets.landing import raw_key
from slate.assets.online import online_key
from slate.assets.streams import stream_assets, stream_checks, stream_key
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online.store.stream_names import StreamNames
from slate.orchestration.assembly import assemble
from slate.orchestration.runs import run_everything
from slate.views import FeatureView
from tests.deployments.bikes.definitions import Checkup, Move
from tests.orchestration.bikes import ran
from tests.orchestration.live import HOURS, Answers, Live
from tests.orchestration.outcomes import generations, query, wrong_training
from tests.parity.landing import moment
from tests.parity.scenarios import HOUR, MIDDAY

MOVES = stream_key(Move)
CHECKS = {"lag", "dead_letters"}
# When the job runs, and when the hour after it is over.
DURING, AFTER = MIDDAY + HOURS * HOUR, MIDDAY + (HOURS + 1) * HOUR
DELIVERY_SECONDS = 15
MINUTE = 60_000_000


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """What came before midday is published; a worker runs, and some hours have streamed in."""
    live = Live(*ran(tmp_path_factory.mktemp("live") / "bikes"))
    try:
        live.start()
        live.deliver(DURING)
        live.settle()
        yield live
    finally:
        live.close()


@pytest.fixture(scope="module")
def streamed(live: Live) -> tuple[Answers, list[str]]:
    """What was answered before the job ran beside the worker, and what is wrong with it."""
    answers = live.answers(DURING)
    return answers, live.wrong(DURING, answers)


@pytest.fixture(scope="module")
def beside(live: Live, streamed: object) -> Live:
    """The job ran, while events of the hour after those that it took in streamed in."""
    thread = threading.Thread(target=live.deliver, args=(AFTER - MINUTE, DELIVERY_SECONDS))
    thread.start()
    try:
        assert run_everything(live.deployment)
    finally:
        thread.join()
    live.settle()
    return live


def windowed(live: Live) -> list[type[FeatureView]]:
    return [view for view in live.deployment.registry.views.values() if view.windowed]


def test_streamed_values_are_the_oracles(streamed: tuple[Answers, list[str]]) -> None:
    answers, wrong = streamed
    assert wrong == []
    assert sum(map(len, answers)) > 1_000


def test_what_streams_while_the_job_runs_is_in_the_answers(beside: Live) -> None:
    assert len(beside.delivery.delivered["move"]) > 20
    assert beside.wrong(AFTER, beside.answers(AFTER)) == []


def test_the_job_takes_in_the_hours_that_the_archive_closed(beside: Live) -> None:
    files = query(beside.deployment, "select name, rows, hour from raw.files")
    streamed = {name: rows for name, rows, _ in files if "-stream" in name}
    assert set(streamed) == beside.landed
    for source in beside.streams:
        end = beside.streamed_until(source)
        delivered = beside.delivery.delivered[source.name]
        rows = [row for row in delivered if row[source.arrival_time] < end]
        assert rows
        assert len(delivered) > len(rows), "an open hour has not landed"
        took = sum(rows for name, rows in streamed.items() if name.startswith(source.landing))
        assert took == len(rows)
    assert wrong_training(beside.deployment, beside.known) == []


def test_the_stream_goes_on_from_where_the_archive_closed(beside: Live) -> None:
    live = generations(beside.deployment, beside.publisher)
    for view in windowed(beside):
        assert live[view.name].stream_from == beside.streamed_until(view.source) > moment(MIDDAY)
        previous = live[view.name].previous
        assert previous is not None
        assert previous.stream_from is None, "it was published before anything streamed"


def test_values_before_and_after_the_publish_agree(beside: Live) -> None:
    """At one instant, both with what the oracle says."""
    after = beside.answers(AFTER)
    moved = beside.publisher.rollback(*windowed(beside))
    before = beside.answers(AFTER)
    for view, one in zip(windowed(beside), moved, strict=True):
        beside.publisher.rollback(view, to=one.left.name)
    assert beside.wrong(AFTER, before) == beside.wrong(AFTER, after) == []


def test_streams_are_upstream_of_what_their_events_come_to(live: Live) -> None:
    definitions = assemble(live.deployment)
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    registry = live.deployment.registry
    for source in registry.sources.values():
        key = stream_key(source) if source.stream else None
        assert (graph.get(raw_key(source)).parent_keys) == ({key} if key else set())
    for view in registry.views.values():
        parents = {
            key for key in graph.get(online_key(view)).parent_keys if key.path[0] == "stream"
        }
        assert parents == ({stream_key(view.source)} if view.windowed else set())
    shown = graph.get(MOVES)
    assert (shown.group_name, shown.kinds, shown.is_external) == ("stream", {"redis"}, True)
    assert {key.name for key in graph.get_check_keys_for_assets({MOVES})} == CHECKS


def test_no_job_makes_a_stream(live: Live) -> None:
    """Nor checks it, but for the one by which the UI runs what it is asked for."""
    for job in assemble(live.deployment).resolve_all_job_defs():
        layer = job.asset_layer
        keys = set(layer.executable_asset_keys)
        if not job.name.startswith("__"):
            keys |= {check.asset_key for check in layer.asset_graph.asset_check_keys}
        assert not [key for key in keys if key.path[0] == "stream"], job.name


class Looks:
    """The sensor, look after look."""

    def __init__(self, deployment: Deployment) -> None:
        self._sensor = assemble(deployment).resolve_sensor_def("streams")
        self._cursor: str | None = None

    def look(self) -> dict[dg.AssetKey, "Look"]:
        """What it tells of each stream; nothing where it skips."""
        with dg.build_sensor_context(cursor=self._cursor) as context:
            data = self._sensor.evaluate_tick(context)
        assert data.run_requests is None or not data.run_requests
        self._cursor = data.cursor
        self.events, self.skipped = data.asset_events, data.skip_message
        return {
            event.asset_key: Look(
                {name: value.value for name, value in event.metadata.items()},
                {
                    check.check_name: check
                    for check in data.asset_events
                    if isinstance(check, dg.AssetCheckEvaluation)
                    and check.asset_key == event.asset_key
                },
            )
            for event in data.asset_events
            if isinstance(event, dg.AssetMaterialization)
        }


@dataclass(frozen=True)
class Look:
    """What the sensor told of a stream."""

    told: dict[str, Any]
    checks: dict[str, dg.AssetCheckEvaluation]


@pytest.fixture
def looks(beside: Live) -> Looks:
    return Looks(beside.deployment)


def test_the_sensor_shows_how_the_streams_stand(beside: Live, looks: Looks) -> None:
    found = looks.look()
    assert found.keys() == {stream_key(source) for source in beside.streams}
    for source in beside.streams:
        told, checks = found[stream_key(source)].told, found[stream_key(source)].checks
        delivered = beside.delivery.delivered[source.name]
        assert told["events"] == len(delivered)
        assert told["last_arrival"] == max(r[source.arrival_time] for r in delivered).timestamp()
        assert told["partitions_held"] > 8
        assert (
            told["partitions"] == f"{told['partitions_held']} of {told['partitions_held']} are held"
        )
        assert {told[name] for name in ("waiting", "unarchived", "dead_letters")} == {0}
        assert told["lag_seconds"] == 0
        assert {name for name, check in checks.items() if check.passed} == CHECKS


def test_the_sensor_tells_the_rate_and_is_silent_when_nothing_moves(
    beside: Live, looks: Looks
) -> None:
    assert "events_per_second" not in looks.look()[MOVES].told
    beside.write(Move, late=False)
    assert looks.look()[MOVES].told["events_per_second"] > 0
    beside.settle()
    assert looks.look()[MOVES].told["events_per_second"] == 0
    looks.look()
    assert looks.events == []
    assert "moves: 0 waiting" in str(looks.skipped)


def test_dead_letters_beyond_the_limit_are_a_warning(beside: Live, looks: Looks) -> None:
    beside.write(Move, late=True)
    beside.settle()
    found = looks.look()
    assert found[MOVES].told["dead_letters"] == 1
    check = found[MOVES].checks["dead_letters"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "`slate deadletters move`" in str(check.description)
    assert found[MOVES].checks["lag"].passed
    assert found[stream_key(Checkup)].checks["dead_letters"].passed
    assert looks.look()[MOVES].checks == {}, "it is told"
    beside.redis.delete(StreamNames(beside.deployment.name, Move).dead)
    mended = looks.look()[MOVES].checks
    assert {name: check.passed for name, check in mended.items()} == {"dead_letters": True}


def test_lag_beyond_the_limit_is_an_error(beside: Live, looks: Looks) -> None:
    """The events' time is long past, so that what waits has waited long."""
    beside.stop()
    beside.write(Move, late=False)
    found = looks.look()[MOVES]
    assert found.told["waiting"] == 1
    assert found.told["lag_seconds"] > 60
    check = found.checks["lag"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "`slate stream`" in str(check.description)
    assert "1m is allowed" in str(check.description)
    run = dg.materialize(
        [*stream_assets(beside.deployment), *stream_checks(beside.deployment)],
        selection=dg.AssetSelection.checks_for_assets(MOVES),
    )
    by_hand = {check.check_name: check for check in run.get_asset_check_evaluations()}
    assert by_hand.keys() == CHECKS
    assert not by_hand["lag"].passed


def test_the_sensor_starts_no_store(live: Live, tmp_path: Path) -> None:
    looks = Looks(replace(live.deployment, data=tmp_path))
    assert looks.look() == {}
    assert "does not run" in str(looks.skipped)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_reached_is_an_error(live: Live, tmp_path: Path) -> None:
    looks = Looks(replace(live.deployment, redis=f"unix://{tmp_path}/nobody"))
    with pytest.raises(StoreError, match="cannot be reached"):
        looks.look()
