"""`slate generations`, `slate rollback` and `slate unpin`: what is live, and what was before."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from slate.deployment import Deployment
from slate.online import Generation, Publisher
from slate.online.store.embedded_server import EmbeddedServer
from tests.cli.conftest import Slate
from tests.online.stream.test_worker import NOON
from tests.online.tables import attribute_rows

HOUR = timedelta(hours=1)
NAMES = ("depot_profile", "rider_profile")


@pytest.fixture
def store(bikes: Deployment) -> Iterator[Publisher]:
    """Two views that were published together twice."""
    with EmbeddedServer.attach(bikes.data / "redis"), Publisher.connect(bikes) as store:
        for number in range(2):
            with store.release(f"run-{number}") as release:
                for name in NAMES:
                    view = bikes.registry.view(name)
                    key = next(iter(view.entity.keys))
                    rows = attribute_rows(view, [{key: "a", "event_ts": NOON}])
                    release.write(view, [rows], NOON + number * HOUR)
                release.go_live()
        yield store


@pytest.fixture
def live(bikes: Deployment, store: Publisher) -> dict[str, Generation]:
    """What is live of the views at first."""
    found = {name: store.live(bikes.registry.view(name)) for name in NAMES}
    return {name: one for name, one in found.items() if one is not None}


def standings(slate: Slate, *arguments: str) -> dict[str, list[str]]:
    listed: list[dict[str, Any]] = json.loads(slate("generations", "--json", *arguments).out)
    found: dict[str, list[str]] = {}
    for one in listed:
        found.setdefault(one["view"], []).append(f"{one['publish']} {one['standing']}")
    return found


def test_generations_are_listed_with_the_way_back(
    slate: Slate, live: dict[str, Generation]
) -> None:
    shown = slate("generations", "rider_profile")
    assert shown.code == 0
    head, now, before = shown.out.splitlines()
    assert head.split() == ["view", "generation", "published", "as", "of", "rows", "MB",
                            "definition", "publish", "made", "live", "by"]  # fmt: skip
    assert now.split()[:3] == ["rider_profile", live["rider_profile"].name, "live"]
    assert now.endswith("2026-03-10 13:00  1     0.0  as now      run-1")
    assert before.endswith("2026-03-10 12:00  1     0.0  as now      run-0    slate rollback VIEW")
    assert standings(slate) == {name: ["run-1 live", "run-0 kept"] for name in NAMES}


def test_back_and_forward_again(slate: Slate, live: dict[str, Generation]) -> None:
    shown = slate("rollback", "rider_profile")
    assert shown.code == 0
    left = live["rider_profile"]
    assert left.older is not None
    assert shown.out == (
        f"rider_profile: from {left.name} to {left.older.name}, as of 2026-03-10 12:00:00 UTC\n"
    )
    assert "the next publish goes live in their place" in shown.err
    assert "gates of rider_profile go on comparing with the last good run" in shown.err
    assert standings(slate)["rider_profile"] == ["run-1 kept", "run-0 live"]
    assert "slate rollback VIEW --to GENERATION" in slate("generations", "rider_profile").out
    again = slate("rollback", "rider_profile")
    assert again.code == 1
    assert f"go forward with `--to {left.name}`" in again.err
    assert slate("rollback", "rider_profile", "--to", left.name).code == 0
    assert standings(slate)["rider_profile"] == ["run-1 live", "run-0 kept"]


def test_a_publish_as_a_whole_pinned_and_unpinned(
    slate: Slate, bikes: Deployment, live: dict[str, Generation]
) -> None:
    shown = slate("rollback", "--publish", "run-1", "--pin")
    assert shown.code == 0
    assert {line.split(":")[0] for line in shown.out.splitlines()} == set(NAMES)
    assert standings(slate) == {name: ["run-1 kept", "run-0 live"] for name in NAMES}
    assert slate("generations").out.count("live, pinned") == 2
    assert slate("unpin", *NAMES).out.count("the next publish goes live") == 2
    assert slate("unpin", NAMES[0]).out == f"{NAMES[0]}: it was not pinned\n"


def test_what_is_old_is_deleted(slate: Slate, live: dict[str, Generation]) -> None:
    assert slate("generations", "--clean").out == ""
    gone = slate("generations", "rider_profile", "--clean", "--keep", "0")
    assert live["rider_profile"].older is not None
    assert gone.out == f"rider_profile: {live['rider_profile'].older.name} is deleted\n"
    assert standings(slate)["rider_profile"] == ["run-1 live"]
    assert standings(slate)["depot_profile"] == ["run-1 live", "run-0 kept"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["rollback"], 1, "say what is rolled back: names of views, or `--publish ID`"),
        (["rollback", "rider_profile", "--publish", "run-1"], 1, "say what is rolled back"),
        (["rollback", "rider_profil"], 1, "did you mean 'rider_profile'?"),
        (["rollback", "--publish", "x"], 1, "no publish begins with 'x': of these something is"),
        (["rollback", "station_moves"], 1, "it was never published as it is defined now"),
        (["rollback", "rider_profile", "--to", "x"], 1, "no generation 'x' that is kept; kept are"),
        (["generations", "rider_profile", "--keep", "-1"], 2, "'-1' is not a number"),
        (["generations", "--keep", "0"], 2, "--keep says what --clean leaves: give both"),
        (["generations", "--clean", "--json"], 2, "--json: not allowed with argument --clean"),
    ],
)
def test_what_is_not_done_is_told(
    slate: Slate, store: Publisher, arguments: list[str], code: int, says: str
) -> None:
    shown = slate(*arguments)
    assert (shown.code, says in shown.err) == (code, True), shown.err
