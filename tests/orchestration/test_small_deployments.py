"""Deployments that lack something others have run like any other."""

import fcntl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml

from slate.assets import builds
from slate.assets.online import online_key
from slate.assets.view_checks import CHECK, CHECKED
from slate.assets.warehouse import current_key
from slate.cli.main import command
from slate.compile.model_names import RAW
from slate.deployment import Deployment
from slate.locks.lock_files import lock_path
from slate.locks.lock_files import write as write_lock
from slate.locks.standing import standing
from slate.offline.warehouse import lock_file
from slate.online import FeatureClient, Publisher
from slate.orchestration.assembly import assemble
from slate.orchestration.runs import run_everything
from slate.quality.last_good_profiles import go_back
from tests.orchestration import small, stays
from tests.orchestration.outcomes import query, tables
from tests.orchestration.parsed import parse_once
from tests.orchestration.stays import STAYS, place
from tests.parity.landing import moment
from tests.parity.scenarios import HOUR, MIDDAY


@pytest.mark.parametrize("lacking", small.LACKING)
def test_what_is_generated_is_a_list_where_there_is_nothing(tmp_path: Path, lacking: str) -> None:
    """Which is what dbt takes; without a list it stops at the first file."""
    deployment = place(tmp_path, lacking)
    files = [*deployment.dbt_project.rglob("_*.yml")]
    assert len(files) >= 6
    for file in files:
        properties = yaml.safe_load(file.read_text())
        assert [value for value in properties.values() if value is None] == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment that lacks the events of one source, built in one go."""
    return stays.ran(tmp_path_factory.mktemp("whole") / "stays")


@pytest.mark.parametrize("lacking", ["views", "events"])
def test_a_deployment_without_some(
    tmp_path: Path,
    lacking: str,
    request: pytest.FixtureRequest,
) -> None:
    if lacking == "events":
        deployment: Deployment = request.getfixturevalue("whole")
    else:
        deployment = place(tmp_path, lacking)
        assert run_everything(deployment)
    views = deployment.registry.views
    assert query(deployment, "select count(*) from stg_stays") == [(len(STAYS),)]
    with Publisher.connect(deployment) as publisher:
        rows = {
            name: (publisher.live(view) or pytest.fail(name)).rows for name, view in views.items()
        }
        live = {name: publisher.live(view) for name, view in views.items() if rows[name]}
    assert rows == {name: 0 if "letters" in name else 3 for name in views}
    # Each generation has the profile that the next run is compared with, should it be live again.
    assert go_back(deployment.reports, [(n, one.as_of) for n, one in live.items() if one]) == []
    for service in deployment.registry.services.values():
        with FeatureClient.connect(deployment, timeout=5) as client:
            answer = client.get(service.full_name, guest_id="g1", at=moment(MIDDAY + 2 * HOUR))
            known = {"guest_stays.stays_1d": 3, "guest_letters.letters_1d": 0}
            assert answer.to_dicts() == [
                {feature.name: known[feature.name] for feature in service.features}
            ]
        assert (deployment.training / service.full_name / "current").exists()


def _but_for_clocks(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Tables without when files were taken in, and in which hour training sets were built."""
    rest = {name: rows for name, rows in found.items() if name != "streamed_until"}
    return rest | {"as_of": [row for row in rest["as_of"] if "welcome" not in row["model"]]}


def test_many_rows_are_built_in_parts(
    whole: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part as if it were the new hours of its time: the tables are those of one build."""
    monkeypatch.setattr(builds, "ROWS_AT_ONCE", 3)
    parted = place(tmp_path / "parted", "events")
    parse_once(parted)
    assert run_everything(parted)
    assert _but_for_clocks(tables(parted)) == _but_for_clocks(tables(whole))
    for model in ("guest_stays_tiles", "guest_stays_current", "welcome_v1"):
        assert query(parted, f"select count(*) > 1 from {model}") == [(True,)], model
    rows = f"select count(distinct hour) from {RAW}.files where rows > 0"
    assert query(parted, rows) == [(2,)], "there is something to be cut"


def test_a_run_waits_for_who_has_the_warehouse(
    whole: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = False
    lock = fcntl.flock
    with lock_file(whole.warehouse).open("w") as other:
        lock(other, fcntl.LOCK_EX)

        def wait(file: Any, operation: int) -> None:
            """The other ends as soon as it is waited for."""
            nonlocal waited
            if operation == fcntl.LOCK_EX and Path(file.name) == lock_file(whole.warehouse):
                waited = True
                other.close()
            lock(file, operation)

        monkeypatch.setattr(fcntl, "flock", wait)
        job = assemble(whole).resolve_job_def("publish_online")
        with dg.DagsterInstance.from_config(str(whole.data / "dagster")) as instance:
            assert job.execute_in_process(instance=instance).success
    assert waited


def test_what_a_lock_holds_back_is_not_published_and_all_else_is(whole: Deployment) -> None:
    """As after a change of what `guest_stays` counts, which nobody accepted."""
    contract = standing(whole).defined["welcome_v1"]
    stays = contract.features["guest_stays.stays_1d"]
    facts = stays.facts | {"where": "paid"}
    other = {"guest_stays.stays_1d": replace(stays, facts=facts, fingerprint="0" * 12)}
    lock = lock_path(whole, "welcome_v1")
    write_lock(replace(contract, features=contract.features | other), lock)
    definitions = assemble(whole)
    try:
        with dg.DagsterInstance.from_config(str(whole.data / "dagster")) as instance:
            results = [
                definitions.resolve_job_def(job).execute_in_process(
                    instance=instance, raise_on_error=False
                )
                for job in ("publish_online", "write_training_sets")
            ]
    finally:
        lock.unlink()
    published, trained = results
    made = [event.asset_key for event in published.get_asset_materialization_events()]
    assert made == [dg.AssetKey(["online", "guest_letters"])]
    assert not trained.success
    (failure,) = (event for event in published.all_events if event.is_step_failure)
    assert "guest_stays is held back, and what is live stays: welcome_v1 is locked" in str(failure)
    assert "where: paid -> none" in str(failure.event_specific_data)


@pytest.fixture
def fewer_guests(whole: Deployment) -> Iterator[Deployment]:
    """The deployment while the warehouse has lost two of three guests."""
    lost = "delete from guest_stays_online_keys where guest_id <> 'g1'"
    kept = "create table kept_keys as from guest_stays_online_keys"
    back = "insert into guest_stays_online_keys from kept_keys where guest_id <> 'g1'"
    for statement in (kept, lost):
        execute(whole, statement)
    yield whole
    for statement in (back, "drop table kept_keys"):
        execute(whole, statement)


def execute(deployment: Deployment, statement: str) -> None:
    with duckdb.connect(deployment.warehouse) as connection:
        connection.execute(statement)


def test_what_a_gate_holds_back_goes_live_once_it_is_accepted(
    fewer_guests: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Till then what was served is served."""
    deployment = fewer_guests
    view = deployment.registry.view("guest_stays")
    check = dg.AssetCheckKey(current_key(view), CHECK)
    checked = dg.AssetCheckKey(current_key(view), CHECKED)
    definitions = assemble(deployment)
    everything = definitions.resolve_implicit_global_asset_job_def()
    job = everything.get_subset(asset_selection=set(), asset_check_selection={check, checked})
    publishing = definitions.resolve_job_def("publish_online")

    def step(instance: dg.DagsterInstance) -> tuple[dg.AssetCheckEvaluation, str, int]:
        """What the check says, what publishing refuses, and how many guests are served."""
        found = job.execute_in_process(instance=instance)
        (said,) = (e for e in found.get_asset_check_evaluations() if e.check_name == CHECK)
        result = publishing.execute_in_process(
            instance=instance,
            raise_on_error=False,
            asset_selection=[online_key(view)],
        )
        failed = [str(e.event_specific_data) for e in result.all_events if e.is_step_failure]
        with Publisher.connect(deployment) as publisher:
            live = publisher.live(view)
            assert bool(failed) == (publisher.held_back(view) is not None)
        assert live is not None
        return said, "".join(failed), live.rows

    with dg.DagsterInstance.from_config(str(deployment.data / "dagster")) as instance:
        said, failed, rows = step(instance)
        assert (said.passed, rows) == (False, 3)
        assert "there are 2 rows or more: 50% of the 3 of the last good run" in str(
            said.description
        )
        assert "guest_stays did not pass its check, and is held back" in failed
        assert said.metadata["compared_with"].value.startswith("3 rows as of ")  # type: ignore[union-attr]
        assert "held back: there are 2 rows or more" in str(said.metadata["gates"].value)
        monkeypatch.setenv("SLATE_CONFIG", str(deployment.root / "slate.toml"))
        assert command(["accept", "guest_stays", "--because", "two moved out"]) == 0
        said, failed, rows = step(instance)
        assert (failed, rows) == ("", 1)
        assert str(said.metadata["accepted"].value).startswith("two moved out (said ")
        assert "as accepted: two moved out" in str(said.metadata["gates"].value)
        said, _, _ = step(instance)
    assert said.passed
    assert "accepted" not in said.metadata
