"""A model that dbt cannot build holds back what reads of it; all else goes on in the same run."""

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from slate.assets import publish_step, verdicts
from slate.assets.publishing import digest
from slate.assets.unbuilt import failed_models
from slate.assets.view_checks import CHECK, CHECKED
from slate.assets.warehouse import current_key
from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher
from slate.orchestration.assembly import assemble
from slate.orchestration.runs import run_everything
from slate.views import FeatureView
from tests.orchestration import small, stays
from tests.orchestration.outcomes import runs
from tests.parity.landing import moment, write_landing
from tests.parity.scenarios import HOUR, MIDDAY

# Room numbers, of which one is none.
STRICT = stays.PROFILE.replace("stay_id as last_stay", "(stay_id[2:]::int)::varchar as last_stay")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    placed = stays.place(tmp_path_factory.mktemp("unbuilt"), "nothing")
    rows = [*stays.STAYS[:-1], stays.STAYS[-1] | {"stay_id": "sX"}]
    write_landing(placed.landing, small.Stay, rows)
    model(placed).write_text(STRICT)
    return placed


def model(deployment: Deployment) -> Path:
    return deployment.dbt_project / "models" / "guest_profile.sql"


def generations(deployment: Deployment) -> dict[str, str]:
    """The live generation of each view that has one."""
    with Publisher.connect(deployment) as publisher:
        views = deployment.registry.views
        return {n: live.name for n, view in views.items() if (live := publisher.live(view))}


def held_back(deployment: Deployment) -> set[str]:
    """The views of which the store was told that their latest run was held back."""
    with Publisher.connect(deployment) as publisher:
        views = deployment.registry.views
        return {name for name, view in views.items() if publisher.held_back(view)}


def test_what_does_not_read_of_it_goes_out(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not run_everything(deployment)
    said = capsys.readouterr().err
    assert "models_built: dbt failed on guest_profile_current: " in said
    assert "Could not convert string 'X' to INT32" in said
    assert "guest_profile_current, check expectations: it was not looked at" in said
    assert "not made, so what was there before stays: " in said
    (run,) = runs(deployment, 1)
    assert run.made("online") == {"guest_stays"}
    assert run.made("training") == {"welcome_v2"}
    assert generations(deployment).keys() == {"guest_stays"}
    assert held_back(deployment) == {"guest_profile"}
    with FeatureClient.connect(deployment, timeout=5) as client:
        answer = client.get("welcome_v2", guest_id="g1", at=moment(MIDDAY + 2 * HOUR))
        assert answer.to_dicts() == [{"guest_stays.stays_1d": 3}]


def test_the_next_run_builds_it_with_all_that_it_missed(deployment: Deployment) -> None:
    model(deployment).write_text(STRICT.replace("stay_id[2:]::int", "try_cast(stay_id[2:] as int)"))
    assert run_everything(deployment)
    with duckdb.connect(deployment.warehouse) as connection:
        assert failed_models(connection) == {}
    assert generations(deployment).keys() == {"guest_stays", "guest_profile"}
    assert held_back(deployment) == set()
    with FeatureClient.connect(deployment, timeout=5) as client:
        answer = client.get("known_guest", guest_id="g0", at=moment(MIDDAY + 2 * HOUR))
        assert answer.to_dicts() == [{"guest_profile.last_stay": "6"}]


def test_a_view_that_duckdb_cannot_read_leaves_the_others(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its check nor its publish stops those of the others, whatever DuckDB says."""

    def spoil(connection: duckdb.DuckDBPyConnection, view: type[FeatureView], **given: Any) -> str:
        if view.name == "guest_profile":
            connection.execute("select 'X'::int")
        return digest(connection, view, **given)

    write_landing(deployment.landing, small.Stay, [stays.STAYS[-1] | {"stay_id": "s9"}])
    monkeypatch.setattr(verdicts, "digest", spoil)
    before = generations(deployment)
    assert not run_everything(deployment)
    said = capsys.readouterr().err
    assert "guest_profile is not checked, as DuckDB cannot read its tables (Conversion" in said
    assert "guest_profile was not checked since it was built" in said
    monkeypatch.undo()
    definitions = assemble(deployment)
    profile = current_key(deployment.registry.view("guest_profile"))
    check = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(),
        asset_check_selection={dg.AssetCheckKey(profile, name) for name in (CHECK, CHECKED)},
    )
    publish = definitions.resolve_job_def("publish_online")
    with dg.DagsterInstance.get() as instance:
        assert check.execute_in_process(instance=instance).success
        monkeypatch.setattr(publish_step, "digest", spoil)
        result = publish.execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    assert "guest_profile is not published, as DuckDB cannot read" in str(failure)
    after = generations(deployment)
    assert after["guest_profile"] == before["guest_profile"]
    assert after["guest_stays"] != before["guest_stays"]
