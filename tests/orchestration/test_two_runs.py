"""Two runs at once: one has the warehouse at a time, and what landed is taken in once."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from slate.deployment import Deployment
from slate.online import Generation, Publisher
from slate.orchestration.runs import run_everything
from tests.orchestration import stays
from tests.orchestration.bikes import Landing
from tests.orchestration.outcomes import Run, Table, generations, ledger, runs, tables
from tests.orchestration.stays import STAYS
from tests.parity.landing import moment
from tests.parity.scenarios import HOUR, MIDDAY

# That a run waits for who has the warehouse, a smaller test holds.
pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
# It says when it has imported what it needs, so that both begin at once.
RUN = """
import sys
from slate.orchestration.runs import run_everything
from slate.deployment import load
print(flush=True)
sys.exit(0 if run_everything(load()) else 1)
"""
LATE = [
    {**STAYS[0], "stay_id": "late", "received_at": moment(MIDDAY + 2)},
    {**STAYS[1], "received_at": moment(MIDDAY + HOUR // 4 + 2)},
]


@dataclass(frozen=True)
class Both:
    """How things stand after two runs at once.

    Attributes:
        deployment: the deployment.
        success: whether each succeeded.
        busy, idle: what Dagster knows of the one that took in what landed, and of the other.
        tables: the warehouse's.
        live: the live generations by view.
    """

    deployment: Deployment
    success: tuple[bool, bool]
    busy: Run
    idle: Run
    tables: dict[str, Table]
    live: dict[str, Generation]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """After a late file, of which one row repeats another, and a file that was replaced."""
    deployment = stays.ran(tmp_path_factory.mktemp("both") / "stays")
    landing = Landing(deployment)
    landing.write({"stay": LATE}, "-late")
    landing.write(
        {"stay": [row for row in STAYS if row["received_at"] >= moment(MIDDAY + HOUR)][:3]}
    )
    environment = os.environ | {
        "SLATE_CONFIG": str(deployment.root / "slate.toml"),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        [sys.executable, "-c", RUN], env=environment, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        mine = run_everything(deployment)
        success = mine, other.wait(240) == 0
    idle, busy = sorted(runs(deployment, 2), key=_taken_in)
    with Publisher.connect(deployment) as publisher:
        live = generations(deployment, publisher)
    return Both(deployment, success, busy, idle, tables(deployment), live)


def _taken_in(run: Run) -> int:
    files: int = run.metadata("raw", "stays")["files_taken_in"]
    return files


def test_both_succeed(both: Both) -> None:
    assert both.success == (True, True)
    one, other = sorted((min(run.steps), max(run.steps)) for run in (both.idle, both.busy))
    assert one[1][1] <= other[0][0], "one run at a time has the warehouse's file"
    begun = [run.record.run_id for run in (both.idle, both.busy)]
    assert len(set(begun)) == 2


def test_what_landed_is_taken_in_once(both: Both) -> None:
    assert (_taken_in(both.busy), _taken_in(both.idle)) == (2, 0)
    assert ledger(both.deployment) == (4 + 3 + 2, 0)
    stays = {row["stay_id"] for row in both.tables["stg_stays"]}
    assert stays == {row["stay_id"] for row in STAYS[:7]} | {"late"}


def test_a_run_without_news_changes_nothing(both: Both) -> None:
    for service in both.deployment.registry.services:
        assert both.busy.metadata("training", service)["days_written"] > 0
        assert both.idle.metadata("training", service)["days_written"] == 0
    for name, table in both.tables.items():
        rows = [run.metadata(name)["dagster/row_count"] for run in (both.idle, both.busy)]
        assert rows == [len(table)] * 2, name


def test_both_tell_what_is_live(both: Both) -> None:
    for view, generation in both.live.items():
        for run in (both.idle, both.busy):
            assert run.metadata("online", view)["generation"] == generation.name
