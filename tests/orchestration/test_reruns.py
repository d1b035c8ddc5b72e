"""Runs that are interrupted, that go on from there, and that build again what was built."""

import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import PartitionBackfill

from slate.assets.hours import partition_key
from slate.assets.publish_step import WHOLE
from slate.cli.main import INTERRUPTED
from slate.compile.project import write
from slate.deployment import Deployment, load
from slate.orchestration.assembly import assemble
from slate.orchestration.home import prepare_home
from slate.orchestration.interrupts import interrupts
from slate.orchestration.runs import run_everything
from tests.orchestration import small
from tests.orchestration.bikes import Landing, happenings
from tests.orchestration.outcomes import Run, Table, query, runs, tables, unlike, wrong_training
from tests.parity.landing import moment
from tests.parity.scenarios import HOUR, MIDDAY

ROOT = Path(__file__).parents[2]
# Hours of arrival around midday: all of them, and those that are built again.
FIRST, LAST = -20, 2
AGAIN = (-4, -2)
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
STAGING = ["stg_stays", "guest_stays_tiles", "guest_stays_current"]
# Unit tests are for whoever changes a model: a run that ran this one would fail.
FAILING = """
version: 2
unit_tests:
  - name: a_build_that_runs_it_fails
    model: welcome_v1
    given: []
    expect: {rows: [{guest_id: nobody}]}
"""


def key(hour: int) -> str:
    return partition_key(moment(MIDDAY + hour * HOUR))


@dataclass(frozen=True)
class Backfill:
    """What a backfill's last run built.

    Attributes:
        run: what Dagster knows of it.
        built: the hours that dbt built.
        before, after: the warehouse's tables.
    """

    run: Run
    built: list[str]
    before: dict[str, Table]
    after: dict[str, Table]


class Hotel:
    """A small deployment with landing files."""

    def __init__(self, folder: Path) -> None:
        config = small.place(folder, "events").root / "slate.toml"
        # An hour that ends meanwhile would be built too.
        clock = moment(MIDDAY + 24 * HOUR).isoformat()
        config.write_text(f'{config.read_text()}clock = "{clock}"\n')
        self.deployment = load(config)
        write(self.deployment.registry, self.deployment.dbt_project)
        (self.deployment.dbt_project / "models" / "_unit_tests.yml").write_text(FAILING)
        self.landing = Landing(self.deployment)
        self.landing.write(happenings(self.deployment.registry, 3, FIRST, LAST))

    def run(self, job: dg.JobDefinition, tags: dict[str, str]) -> Backfill:
        before = tables(self.deployment)
        with dg.DagsterInstance.get() as instance:
            assert job.execute_in_process(instance=instance, tags=tags).success
        ((start, end),) = query(
            self.deployment,
            "select start_hour, end_hour from raw.builds order by built_at desc limit 1",
        )
        built = [partition_key(start), partition_key(end)]
        return Backfill(runs(self.deployment, 1)[0], built, before, tables(self.deployment))


def interrupted(deployment: Deployment, line: str) -> tuple[int, list[str]]:
    """Run the chain and interrupt it, with all that it started, when it has printed a line.

    Returns:
        The exit code, and what it printed after that.
    """
    environment = os.environ | {
        "SLATE_CONFIG": str(deployment.root / "slate.toml"),
        "SLATE_REDIS": "unix:///nowhere",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "slate.cli.main", "run"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        for told in process.stderr:
            if line in told:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest = process.stderr.read().splitlines()
        return process.wait(60), rest
    finally:
        process.stderr.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Hotel, int, list[str]]:
    """The first run was interrupted: its exit code, and what it said after that."""
    hotel = Hotel(tmp_path_factory.mktemp("hotel"))
    return hotel, *interrupted(hotel.deployment, "OK created")


@pytest.fixture(scope="module")
def hotel(begun: tuple[Hotel, int, list[str]]) -> Hotel:
    """And the next one was not."""
    hotel, _, _ = begun
    assert runs(hotel.deployment, 1)[0].record.status is dg.DagsterRunStatus.CANCELED
    assert run_everything(hotel.deployment)
    return hotel


@pytest.fixture(scope="module")
def whole(hotel: Hotel) -> Backfill:
    """The whole job, launched for a range of hours."""
    job = assemble(hotel.deployment).resolve_job_def(WHOLE)
    return hotel.run(job, {RANGE_START: key(AGAIN[0]), RANGE_END: key(AGAIN[1])})


@pytest.fixture(scope="module")
def some(hotel: Hotel, whole: Backfill) -> Backfill:
    """Some assets without partitions, in a backfill of others that have them."""
    deployment = hotel.deployment
    everything = assemble(deployment).resolve_implicit_global_asset_job_def()
    prepare_home(deployment)
    with dg.DagsterInstance.get() as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of one part of Dagster by another
        instance.add_backfill(_backfill(deployment, instance))
    job = everything.get_subset(asset_selection={dg.AssetKey(name) for name in STAGING})
    return hotel.run(job, {"dagster/backfill": "again"})


def _backfill(deployment: Deployment, instance: dg.DagsterInstance) -> PartitionBackfill:
    return PartitionBackfill.from_asset_partitions(
        backfill_id="again",
        asset_graph=assemble(deployment).resolve_asset_graph(),
        partition_names=[key(hour) for hour in range(AGAIN[0], AGAIN[1] + 1)],
        asset_selection=[dg.AssetKey(["raw", "stays"]), *map(dg.AssetKey, STAGING)],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )


def test_a_run_that_is_interrupted_is_canceled(begun: tuple[Hotel, int, list[str]]) -> None:
    _, code, told = begun
    assert code == INTERRUPTED, told
    assert told[-1] == "interrupted"
    assert not [line for line in told if "Traceback" in line or "Error" in line], "\n".join(told)


def test_the_next_run_goes_on_from_there(hotel: Hotel) -> None:
    assert wrong_training(hotel.deployment, hotel.landing.sources) == []


@pytest.mark.parametrize("backfill", ["whole", "some"])
def test_the_hours_that_are_asked_for_are_built_and_no_others(
    backfill: str, request: pytest.FixtureRequest
) -> None:
    found: Backfill = request.getfixturevalue(backfill)
    assert found.built == [key(AGAIN[0]), key(AGAIN[1] + 1)]


@pytest.mark.parametrize("backfill", ["whole", "some"])
def test_to_build_again_what_was_built_changes_nothing(
    backfill: str, request: pytest.FixtureRequest
) -> None:
    found: Backfill = request.getfixturevalue(backfill)
    assert unlike(found.before, found.after) == []


@pytest.mark.parametrize("backfill", ["whole", "some"])
def test_rows_are_counted_as_they_are(backfill: str, request: pytest.FixtureRequest) -> None:
    found: Backfill = request.getfixturevalue(backfill)
    counted = {
        asset.path[0]: found.run.metadata(*asset.path)["dagster/row_count"]
        for asset in found.run.materialized
        if len(asset.path) == 1 and asset.path[0] in found.after
    }
    assert set(STAGING) <= set(counted)
    assert counted == {name: len(found.after[name]) for name in counted}


def test_only_the_assets_that_are_asked_for_are_made(some: Backfill) -> None:
    assert {asset.path[-1] for asset in some.run.materialized} == set(STAGING)


def test_each_hour_tells_of_its_own_rows(hotel: Hotel, whole: Backfill) -> None:
    events = whole.run.materialized[dg.AssetKey(["raw", "stays"])]
    told = {
        event.partition: [
            event.metadata[name].value
            for name in ("dagster/partition_row_count", "files", "quarantined")
        ]
        for event in events
    }
    hours = [key(hour) for hour in range(AGAIN[0], AGAIN[1] + 1)]
    held = {
        f"{path.parent.name}-{path.stem}:00": [len(rows), 1, 0]
        for path, rows in hotel.landing.files["stay"].items()
    }
    assert told == {hour: held.get(hour, [0, 0, 0]) for hour in hours}
    assert {event.metadata["rows_taken_in"].value for event in events} == {0}
    assert {event.metadata["dagster/row_count"].value for event in events} == {
        len(hotel.landing.sources["stay"])
    }


def test_days_without_rows_of_these_hours_are_not_written_again(
    hotel: Hotel, whole: Backfill
) -> None:
    told = whole.run.metadata("training", "welcome_v1")
    assert 0 < told["days_written"] < told["days"]


def test_a_disk_without_room_is_told_of_in_one_line(hotel: Hotel) -> None:
    deployment = hotel.deployment
    environment = os.environ | {
        "SLATE_CONFIG": str(deployment.root / "slate.toml"),
        "PYTHONPATH": str(ROOT),
    }
    command = [
        "bash",
        "-c",
        'ulimit -f 100; exec "$@"',
        "bash",
        sys.executable,
        "-m",
        "slate.cli.main",
    ]
    done = subprocess.run(
        [*command, "run"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"slate: {deployment.data} cannot be written (")
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_told_of_whoever_handles_it() -> None:
    def handled(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGINT, handled)
    try:
        with interrupts() as interrupted:
            assert not interrupted()
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupted()
            assert not interrupted()
        with interrupts() as interrupted:
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
