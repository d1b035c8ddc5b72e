"""A deployment whose warehouse others fill: the same chain, without landing files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from slate.compile.project import write
from slate.deployment import Deployment
from slate.online import FeatureClient
from slate.orchestration.assembly import assemble
from slate.orchestration.home import prepare_home
from slate.orchestration.runs import run_everything
from tests.orchestration import small
from tests.orchestration.bikes import Row, Rows
from tests.orchestration.outcomes import as_of, runs, wrong_online, wrong_training
from tests.parity.landing import landing_table
from tests.parity.scenarios import bulk

SOURCES = """
version: 2
sources:
  - name: others
    schema: theirs
    tables: [{name: visit}]
"""
VISITS = """
select * replace (least(event_ts, received_at) as event_ts) from {{ source('others', 'visit') }}
"""


def place(folder: Path) -> Deployment:
    """The deployment: it reads one table as it is, and one by a model of its own."""
    deployment = small.place(folder, "landing")
    staging = deployment.dbt_project / "models" / "staging"
    staging.mkdir()
    (staging / "_sources.yml").write_text(SOURCES)
    (staging / "stg_visits.sql").write_text(VISITS)
    write(deployment.registry, deployment.dbt_project)
    return deployment


def fill(deployment: Deployment, rows: Rows) -> None:
    """What others do."""
    deployment.data.mkdir(exist_ok=True)
    with duckdb.connect(deployment.warehouse) as connection:
        connection.execute("set timezone = 'UTC'; create schema if not exists theirs")
        for name, source in deployment.registry.sources.items():
            its = landing_table(source, rows[name])  # noqa: F841 (read by name)
            types = ", ".join(
                f"{c.name}::{c.kind.sql} as {c.name}" for c in source.columns.values()
            )
            connection.execute(f"create or replace table theirs.{name} as select {types} from its")


def distinct(rows: Rows, deployment: Deployment) -> Rows:
    """Without repeats of an id, as their tables are."""
    return {
        name: list({row[deployment.registry.sources[name].unique_id]: row for row in its}.values())
        for name, its in rows.items()
    }


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return place(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def rows(theirs: Deployment) -> Rows:
    """Orders, and visits of which the last ones came five days after the last order."""
    rows = distinct(bulk(theirs.registry, 5, rows=80, instants=4).sources, theirs)
    rows["visit"] += [
        dated(visit, visit["received_at"] + timedelta(days=5), number)
        for number, visit in enumerate(rows["visit"][-3:])
    ]
    return rows


def dated(row: Row, instant: datetime, number: int) -> Row:
    """The same row of another instant, under an id of its own."""
    unique = next(iter(row))
    return {**row, unique: 10**9 + number, "event_ts": instant, "received_at": instant}


def test_their_tables_become_training_sets_and_answers(theirs: Deployment, rows: Rows) -> None:
    fill(theirs, rows)
    with FeatureClient.connect(theirs, timeout=5, refresh=0) as client:
        assert run_everything(theirs)
        assert wrong_training(theirs, rows) == []
        assert wrong_online(theirs, client, rows) == []
    (run,) = runs(theirs, 2)
    assert run.made("online") == {"guest_orders"}
    assert run.made("training") == {"visits_v1"}
    assert "dagster/asset_partition_range_start" not in run.record.tags
    last = max(order["received_at"] for order in rows["order"])
    assert as_of(theirs) == hour_after(last), "what is asked about has no say in what is known"


def hour_after(instant: datetime) -> datetime:
    """The end of an instant's hour, as the warehouse has it."""
    hour = instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return hour + timedelta(hours=1)


def test_a_row_dated_beyond_the_clock_costs_itself_alone(theirs: Deployment, rows: Rows) -> None:
    future = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
    dated_wrongly = {
        name: [*its, dated(its[0], future, 9), dated(its[1], future + timedelta(hours=1), 10)]
        for name, its in rows.items()
    }
    fill(theirs, dated_wrongly)
    with FeatureClient.connect(theirs, timeout=5, refresh=0) as client:
        assert run_everything(theirs)
        assert wrong_training(theirs, rows) == []
        assert wrong_online(theirs, client, rows) == []


def test_publishing_again_makes_nothing_fresher(
    theirs: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was run twice is as old as what it was made of, and a look at it alone tells."""
    once, again = (run.metadata("online", "guest_orders") for run in runs(theirs, 2))
    assert once["newest"] == again["newest"]
    monkeypatch.setattr(small.GuestOrders, "fresh_within_us", 3_600_000_000)
    prepare_home(theirs)
    job = assemble(theirs).resolve_job_def("check_freshness")
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(instance=instance)
    found = {
        one.asset_key.path[-1]: (one.passed, one.severity.value)
        for one in result.get_asset_check_evaluations()
    }
    assert found == {
        "stg_orders": (True, "ERROR"),
        "stg_visits": (True, "ERROR"),
        "guest_orders": (False, "ERROR"),
    }


def test_nothing_of_it_waits_for_landing_files(theirs: Deployment) -> None:
    definitions = assemble(theirs)
    assert definitions.resolve_schedule_def("every_hour").cron_schedule == "5 * * * *"
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert not jobs & {"take_in_landing"}
    assert not list(definitions.sensors or [])
    groups = {spec.group_name for spec in definitions.resolve_all_asset_specs() if spec.group_name}
    assert "landing" not in groups
