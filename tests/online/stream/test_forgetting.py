"""What streams keep of somebody goes with the archive, and others' rows stay what they were."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from slate.assets.forgetting.data_folder import DataFolder
from slate.assets.forgetting.looked import Looked
from slate.assets.forgetting.store_search import StoreSearch
from slate.deployment import load
from slate.errors import StoreError
from slate.online.stream.applying.afresh import leave_afresh
from slate.online.stream.workers.draining import drain, require_no_workers
from slate.subjects import Subjects
from tests.online.stream.test_near_views import DEFINITIONS, Both
from tests.online.stream.test_worker import BIKES, NOON, _publish
from tests.parity.answers import micros

ANNA, BERTA = "rider_1", "rider_17"


@pytest.fixture
def both(redis: Redis, server: Any, tmp_path: Path) -> Iterator[Both]:
    deployment = replace(load(BIKES), definitions=DEFINITIONS, data=tmp_path, redis=server.address)
    both = Both(deployment, redis)
    _publish(both, NOON)
    both._worker.step()
    yield both
    both.close()


def found(both: Both, folder: DataFolder) -> dict[str, int]:
    """What is found of the subjects in the store and in files, by place."""
    ids = folder.forgotten_ids()
    deployment = both.deployment
    registry = deployment.registry
    store = StoreSearch(
        both.redis, deployment.name, registry, folder.subjects, anywhere=False, ids=ids
    )
    looked: list[Looked] = [*store.run(), *folder.search(anywhere=False)]
    assert sum(one.number for one in looked) > 100
    assert not [one.unread for one in looked if one.unread]
    return {one.place: one.found for one in looked if one.found}


def settled(both: Both) -> None:
    drain(both.redis, both.deployment, now=lambda: micros(both.now))


@pytest.mark.parametrize("key", ["rider_id", "bike_id"])
def test_streamed_rows_ids_and_near_rows_go(both: Both, key: str) -> None:
    """Of a key that is a text, and of one that is a number; part of pairs, both of them."""
    rides = [both.ride(ANNA), both.ride(BERTA, 7)]
    both.come(*rides)
    both.now += timedelta(hours=2)
    both.come(both.ride(ANNA, 20), both.ride(BERTA, 5))
    assert (both.metres(ANNA), both.metres(BERTA)) == (120, 12)
    assert both.same(ANNA) > 0
    berta = both.ask(BERTA)[0].to_dicts()
    both._worker.leave()
    settled(both)
    subject = Subjects.of(both.deployment.registry, [(key, [str(rides[0][key])])])
    folder = DataFolder(both.deployment, subject)
    before = found(both, folder)
    assert {"files: landing/moves", "files: stream/moves"} <= before.keys()
    assert "store: rider_rides, what streams add" in before or key == "bike_id"
    assert "store: bike_use, what streams add" in before or key == "rider_id"
    folder.take_out()
    # Stopped here, and done again.
    folder.take_out()
    assert "store: remembered ids of moves" in found(both, folder)
    for _ in range(2):
        leave_afresh(both.redis, "bikes", both.deployment.registry, both.source)
    settled(both)
    assert found(both, folder) == {}
    assert both.metres(ANNA) == 0
    assert both.same(ANNA) > 0
    assert both.ask(BERTA)[0].to_dicts() == berta
    assert both.same(BERTA) > 0
    # What was forgotten of an event is its id too; what was not, is known.
    both._worker = both.worker()
    both.come(*rides)
    assert (both.metres(ANNA), both.metres(BERTA)) == (100, 12)
    assert both.same(ANNA) > 0


def test_what_waits_is_found(both: Both) -> None:
    subject = Subjects.of(both.deployment.registry, [("rider_id", [ANNA])])
    folder = DataFolder(both.deployment, subject)
    assert found(both, folder) == {}
    both.write(both.ride(BERTA))
    assert found(both, folder) == {}
    both.write(both.ride(ANNA))
    # Once in the log, and once for each route.
    assert found(both, folder) == {"store: stream moves": 1 + len(_routes(both))}


def _routes(both: Both) -> set[str]:
    return {unit.route for unit in both.units() if unit.source is both.source} - {"log"}


def test_workers_are_in_the_way(both: Both) -> None:
    with pytest.raises(StoreError, match="end `slate stream` on all machines"):
        require_no_workers(both.redis, both.deployment)
    both._worker.leave()
    require_no_workers(both.redis, both.deployment)
