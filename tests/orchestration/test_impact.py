"""What a change of definitions will do is told before it runs, with old and new values."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slate.assets.impact.changes import Changes
from slate.assets.impact.planner import changes_of
from slate.assets.impact.samples import Sample, Server, sample
from slate.assets.impact.warehouse_state import Amount
from slate.cli.plan_report import text
from slate.compile.project import write
from slate.deployment import Deployment
from slate.online import Publisher
from slate.online.http.application import Application
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.generations import pointers
from slate.online.store.redis_client import connect
from tests.online.http import in_process
from tests.orchestration import small, stays
from tests.orchestration.stays import STAYS

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CHANGED = """
from slate import FeatureService, FeatureView, count
from tests.orchestration.small import Guest, GuestLetters, Letter, Stay


class GuestStays(FeatureView):
    entity, source = Guest, Stay
    stays = count(where=Stay.guest_id != "g1", over="1d")
    nights = count(over="7d")


welcome = FeatureService(
    "welcome", version=1, keys=[Guest], spine=Stay, features=[GuestStays.stays, GuestLetters]
)
welcome_v3 = FeatureService("welcome", version=3, keys=[Guest], spine=Stay, features=[GuestStays])
"""


STRICTER = """
from slate import FeatureView, Source, arrival_time, column, count, event_time, unique_id
from datetime import datetime
from tests.orchestration.small import Guest


class Stay(Source):
    model, landing, stream = "stg_stays", "stays", "stays"
    stay_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str = column(one_of=["g0", "g1"])


class GuestStays(FeatureView):
    entity, source = Guest, Stay
    stays = count(over="1d")
"""


STREAMED = """
from slate import FeatureView, Source, arrival_time, count, event_time, unique_id
from datetime import datetime
from tests.orchestration.small import Guest


class Stay(Source):
    model, landing, stream = "stg_stays", "stays", "{stream}"
    stay_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    guest_id: str


class GuestStays(FeatureView):
    entity, source = Guest, Stay
    stays = count(over="1d")
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment of two versions of a service, which has run and is locked."""
    return stays.ran(tmp_path_factory.mktemp("ran") / "stays")


@pytest.fixture(scope="module")
def changed(ran: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The same with other definitions, compiled, and with what the former left behind."""
    root = tmp_path_factory.mktemp("changed")
    (root / "changed_stays.py").write_text(CHANGED)
    for folder in ("dbt_project", "locks"):
        shutil.copytree(ran.root / folder, root / folder)
    found = replace(ran, root=root, dbt_project=root / "dbt_project", definitions="changed_stays")
    write(found.registry, found.dbt_project)
    yield found
    sys.path.remove(str(root))
    del sys.modules["changed_stays"]


@pytest.fixture(scope="module")
def changes(changed: Deployment) -> Changes:
    return changes_of(changed)


def test_of_what_ran_there_is_nothing_to_do(ran: Deployment) -> None:
    found = changes_of(ran)
    assert found.nothing
    assert text(found, []).startswith("nothing to do; 1 stream begins once `slate stream` runs\n")
    assert found.unseen == []
    assert {one.name: one.how for one in found.services} == dict.fromkeys(
        ("welcome_v1", "welcome_v2"), "kept"
    )


def test_services_and_features(changes: Changes) -> None:
    assert not changes.nothing
    assert {one.name: one.how for one in changes.services} == {
        "welcome_v1": "changed",
        "welcome_v2": "gone",
        "welcome_v3": "new",
    }
    assert [text.partition(" is locked")[0] for text in changes.broken] == [
        "welcome_v1",
        "welcome_v2",
    ]
    stays, nights = sorted(changes.features, key=lambda one: one.how)
    assert (stays.name, stays.how) == ("guest_stays.stays_1d", "changed")
    assert stays.words == ("where: none -> guest_id != 'g1'",)
    assert stays.services == ("welcome_v1", "welcome_v3")
    assert (nights.name, nights.how) == ("guest_stays.nights_7d", "new")


def test_what_is_built_published_and_written_again(changes: Changes) -> None:
    (view,) = changes.views
    assert (view.name, view.how) == ("guest_stays", "new generation")
    assert view.live is not None
    assert view.live.rows == 3
    assert view.live.size > 100
    assert view.read == Amount(len(STAYS), 1)
    assert {one.name: (one.how, one.amount) for one in changes.training} == {
        "welcome_v1": ("all days", Amount(len(STAYS), 1)),
        "welcome_v3": ("first", Amount(len(STAYS), 1)),
    }
    assert {"guest_stays_tiles", "welcome_v1", "welcome_v3"} <= set(changes.models)
    assert "guest_letters_tiles" not in changes.models
    assert changes.readers == [
        "online/guest_stays",
        "training/welcome_v1",
        "training/welcome_v3",
        "welcome_v1_service",
        "welcome_v3_service",
    ]
    (note,) = changes.notes
    assert note.startswith("requests for 'welcome' alone will be refused")


def differing(found: Sample) -> dict[str, tuple[int | None, int]]:
    assert found.unseen == ()
    return {one.feature: (one.differing, one.rows) for one in found.comparisons}


def test_old_and_new_values_of_a_training_set(changed: Deployment, changes: Changes) -> None:
    plans = changed.registry.plans
    (first, third) = (
        sample(changed, plans[name], changes.asked[name], 100, None)
        for name in ("welcome_v1", "welcome_v3")
    )
    # Of the guest who counts no more, two of three stays had others before them.
    assert differing(first) == {"guest_stays.stays_1d": (2, len(STAYS))}
    (example, _) = first.comparisons[0].examples
    assert (example.keys, example.old, example.new) == ({"guest_id": "g1"}, 1, 0)
    assert first.old == "the training set of welcome_v1, day=2026-03-10"
    assert differing(third) == {"guest_stays.nights_7d": (None, len(STAYS))}
    assert {e.new for e in third.comparisons[0].examples} == {0}, "of the first stays of each"


def test_old_values_as_they_are_served(
    ran: Deployment, changed: Deployment, changes: Changes
) -> None:
    """By a server that has the former definitions; of each guest, as of now."""
    plan = changed.registry.plans["welcome_v1"]
    with in_process.serving(Application(ran)) as address:
        found = sample(changed, plan, changes.asked["welcome_v1"], 100, Server(address))
    assert differing(found) == {"guest_stays.stays_1d": (1, 3)}
    (example,) = found.comparisons[0].examples
    assert (example.keys, example.old, example.new) == ({"guest_id": "g1"}, 3, 0)


def test_what_cannot_be_seen_is_said(changed: Deployment, tmp_path: Path) -> None:
    found = changes_of(replace(changed, data=tmp_path / "nowhere"))
    assert [line.partition(":")[0] for line in found.unseen] == [
        "the online store",
        "the warehouse",
        "training sets",
    ]
    assert not (tmp_path / "nowhere").exists(), "nothing is started"
    assert [one.how for one in found.features] == ["new", "changed"]
    assert (found.views, found.training) == ([], [])
    assert found.asked == {}


def test_sources_that_take_other_rows_than_before_are_told(
    ran: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "stricter_stays.py").write_text(STRICTER)
    shutil.copytree(ran.root / "dbt_project", tmp_path / "dbt_project")
    stricter = replace(
        ran, root=tmp_path, dbt_project=tmp_path / "dbt_project", definitions="stricter_stays"
    )
    write(stricter.registry, stricter.dbt_project)
    found = changes_of(stricter)
    del sys.modules["stricter_stays"]
    (rules,) = found.rules
    assert (rules.source, rules.files > 0, rules.refused) == ("stay", True, 0)
    told = text(found, [])
    assert "1 source judged again" in told
    assert f"stay    {rules.files} " in told


@pytest.mark.parametrize(
    ("before", "now", "how", "told"),
    [
        ("", "", "", "nothing to do"),
        ("stays", "stays", "", "nothing to do"),
        ("", "stays", "begins", "nothing to do, as far as could be looked at; 1 stream begins"),
        ("stays", "visits", "replaces another", "nothing to do, as far as could be looked at; 1 s"),
        ("stays", "", "ends", "1 stream ends"),
    ],
)
def test_a_stream_that_is_another_than_served_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, now: str, how: str, told: str
) -> None:
    """No table depends on it, and no definition's hash."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    placed = small.place(tmp_path / "placed", "services")
    name = f"streamed_{before}_{now}"
    (placed.root / f"{name}.py").write_text(STREAMED.format(stream=now))
    deployment = replace(placed, definitions=name)
    view = deployment.registry.view("guest_stays")
    write(deployment.registry, deployment.dbt_project)
    with (
        EmbeddedServer.attach(deployment.data / "redis") as server,
        connect(server.address) as redis,
        Publisher.connect(deployment) as publisher,
    ):
        publisher.publish(view, [], NOON, stream_from=NOON if before else None)
        if before:
            redis.hset(pointers(deployment.name), f"stream/{before}", 1)
        found = changes_of(deployment)
    del sys.modules[name]
    assert [(one.stream, one.how, one.views) for one in found.streams] == (
        [(now, how, ("guest_stays",))] if how else []
    )
    assert found.nothing == (how != "ends")
    lines = text(found, []).splitlines()
    assert lines[0].startswith(told)
    assert any("guest_stays: as of their publish" in line for line in lines) == bool(how)
