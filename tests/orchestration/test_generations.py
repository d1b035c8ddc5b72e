"""The jobs about generations: launched with typed configuration, they tell from what to what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from slate.assets.online import online_key
from slate.assets.publish_step import NEWEST
from slate.deployment import Deployment, load
from slate.online import Generation, Publisher
from slate.online.store.embedded_server import EmbeddedServer
from slate.orchestration.generations import generation_jobs
from tests.online.stream.test_worker import BIKES, NOON
from tests.online.tables import attribute_rows

NAMES = ("depot_profile", "rider_profile")
Live = dict[str, Generation | None]


class Launchpad:
    """The jobs, with a history of runs."""

    def __init__(self, deployment: Deployment, store: Publisher) -> None:
        self.views = {name: deployment.registry.view(name) for name in NAMES}
        self.store = store
        self.instance = dg.DagsterInstance.ephemeral()
        self._jobs = {job.name: job for job in generation_jobs(deployment)}

    def launch(self, name: str, **config: Any) -> dg.ExecuteInProcessResult:
        job = self._jobs[name]
        (op,) = job.nodes
        return job.execute_in_process(
            run_config={"ops": {op.name: {"config": config}}},
            instance=self.instance,
            raise_on_error=False,
        )

    def told(self, result: dg.ExecuteInProcessResult) -> dict[str, Any]:
        """The metadata that a run has."""
        assert result.success
        (output,) = (e for e in result.all_events if e.event_type_value == "STEP_OUTPUT")
        return {name: one.value for name, one in output.step_output_data.metadata.items()}

    def live(self) -> Live:
        return {name: self.store.live(view) for name, view in self.views.items()}


@pytest.fixture
def launchpad(tmp_path: Path) -> Iterator[Launchpad]:
    """Two views that were published together twice, as Dagster knows."""
    with EmbeddedServer.attach(tmp_path) as server:
        deployment = replace(load(BIKES), redis=server.address, data=tmp_path)
        with Publisher.connect(deployment) as store:
            launchpad = Launchpad(deployment, store)
            for number in range(2):
                at = NOON + timedelta(hours=number)
                with store.release(f"run-{number}") as release:
                    for view in launchpad.views.values():
                        rows = [{next(iter(view.entity.keys)): "a", "event_ts": at}]
                        release.write(view, [attribute_rows(view, rows)], at)
                    for name, one in release.go_live().items():
                        launchpad.instance.report_runless_asset_event(
                            dg.AssetMaterialization(
                                online_key(launchpad.views[name]),
                                metadata={
                                    "generation": one.name,
                                    NEWEST: dg.MetadataValue.timestamp(at),
                                },
                            )
                        )
            yield launchpad
            launchpad.instance.dispose()


def test_a_rollback_tells_from_what_to_what(launchpad: Launchpad) -> None:
    before = launchpad.live()["rider_profile"]
    assert before is not None
    assert before.older is not None
    told = launchpad.told(launchpad.launch("roll_back_online", views=["rider_profile"]))
    assert told == {"rider_profile from": before.name, "rider_profile to": before.older.name}
    event = launchpad.instance.get_latest_materialization_event(
        online_key(launchpad.views["rider_profile"])
    )
    assert event is not None
    assert event.asset_materialization is not None
    shown = {name: one.value for name, one in event.asset_materialization.metadata.items()}
    assert shown["generation"] == before.older.name
    assert shown["rolled_back_from"] == before.name
    # What is served is older again, as the check of freshness is to know.
    assert shown[NEWEST] == NOON.timestamp()
    forward = launchpad.launch(
        "roll_back_online", views=["rider_profile"], generation=before.name, pin=True
    )
    assert launchpad.told(forward)["rider_profile to"] == before.name
    assert launchpad.store.pinned(launchpad.views["rider_profile"])
    assert launchpad.told(launchpad.launch("unpin_online", views=list(NAMES))) == {
        "unpinned": "rider_profile"
    }


def test_a_publish_and_what_is_kept_of_it(launchpad: Launchpad) -> None:
    before = launchpad.live()
    result = launchpad.launch("roll_back_online", publish="run-1")
    assert set(launchpad.told(result)) == {f"{n} {way}" for n in NAMES for way in ("from", "to")}
    assert {one.publish for one in launchpad.live().values() if one} == {"run-0"}
    told = launchpad.told(launchpad.launch("clean_online_generations", keep=0))
    assert told["deleted"] == len(NAMES)
    assert {told[name] for name in NAMES} == {one.name for one in before.values() if one}


@pytest.mark.parametrize(
    ("job", "config", "says"),
    [
        ("roll_back_online", {}, "say what is rolled back: `views`, or a `publish`"),
        ("roll_back_online", {"views": ["rider_profil"]}, "did you mean 'rider_profile'?"),
        ("roll_back_online", {"publish": "run-7"}, "no publish begins with 'run-7'"),
        ("roll_back_online", {"views": ["rider_rides"]}, "was never published"),
    ],
)
def test_what_is_not_done_is_told(
    launchpad: Launchpad, job: str, config: dict[str, Any], says: str
) -> None:
    before = launchpad.live()
    result = launchpad.launch(job, **config)
    assert not result.success
    (failure,) = (e for e in result.all_events if e.is_step_failure)
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert says in str(told.description)
    assert launchpad.live() == before


def test_what_is_not_of_its_type_is_refused_before_anything_runs(launchpad: Launchpad) -> None:
    for config in ({"views": "rider_profile"}, {"view": ["rider_profile"]}):
        with pytest.raises(dg.DagsterInvalidConfigError):
            launchpad.launch("roll_back_online", **config)
