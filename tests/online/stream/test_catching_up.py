"""What streamed is made for definitions that are published beside others; both are served."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slate.online import Publisher
from slate.online.stream.workers.catching_up import catch_up, lacking
from tests.online.stream.test_worker import NOON, Bench, changed
from tests.online.stream.test_worker import bench as bench  # a fixture


@pytest.fixture(params=[NOON, None], ids=["streamed before", "published before"])
def beside(
    request: pytest.FixtureRequest,
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    """Another definition of the view, which is published once something has streamed."""
    worker = bench.worker()
    bench.write(bench.ride("a"), bench.ride("b", 7))
    worker.step()
    worker.leave()
    deployment = replace(bench.deployment, definitions=changed(tmp_path, monkeypatch))
    new = Bench(deployment, bench.redis)
    new.number = 1_000
    with Publisher.connect(deployment) as publisher:
        publisher.publish(new.view, [], NOON, stream_from=request.param)
    yield new
    new.close()


def test_both_definitions_are_served_once_the_new_one_has_caught_up(
    bench: Bench, beside: Bench
) -> None:
    # Nobody applies it meanwhile.
    bench.write(bench.ride("a", 20))
    beside.require_lacking("a")
    assert [view.name for view in lacking(bench.redis, beside.deployment)] == ["rider_rides"]
    found = catch_up(bench.redis, beside.deployment)
    assert (found.lacking, found.reasons, found.events) == ([], [], 2)
    for one in (bench, beside):
        assert (one.metres("a"), one.metres("b")) == (100, 7)
    assert catch_up(bench.redis, beside.deployment).events == 0, "all of it is there"
    # A worker goes on where it was, and makes nothing anew.
    worker = beside.worker()
    worker.step()
    assert beside.metres("a") == 120
    assert worker.stats.replayed == 0


def test_a_former_definitions_worker_goes_on_and_is_told_of(bench: Bench, beside: Bench) -> None:
    former = bench.worker()
    former.step()
    bench.write(bench.ride("a", 20))
    found = catch_up(bench.redis, beside.deployment, patience=0.1)
    assert (found.lacking, found.reasons) == (["rider_rides"], [])
    former.step()
    assert bench.metres("a") == 120, "nothing was taken from it"
    former.leave()
    assert catch_up(bench.redis, beside.deployment).lacking == []
    assert (bench.metres("a"), beside.metres("a")) == (120, 120)


def test_what_cannot_be_made_is_told_and_done_again(bench: Bench, beside: Bench) -> None:
    worker = bench.worker()
    worker.step()
    worker.leave()
    (part,) = (bench.deployment.data / "stream").rglob("*.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[:100])
    found = catch_up(bench.redis, beside.deployment)
    assert found.lacking == ["rider_rides"]
    assert [text for text in found.reasons if str(part) in text]
    assert bench.metres("a") == 100
    part.write_bytes(whole)
    assert catch_up(bench.redis, beside.deployment).lacking == []
    assert (bench.metres("a"), beside.metres("a")) == (100, 100)


def test_a_store_that_lost_all_is_served_with_what_streamed_once_that_is_made(bench: Bench) -> None:
    worker = bench.worker()
    bench.write(bench.ride("a"), bench.ride("b", 7))
    worker.step()
    worker.leave()
    bench.redis.flushall()
    with Publisher.connect(bench.deployment) as publisher:
        publisher.publish(bench.view, [], NOON, stream_from=NOON)
    bench.require_lacking("a")
    # No worker has begun to apply anything: that it is whole must not tell of what is published.
    assert catch_up(bench.redis, bench.deployment).lacking == []
    assert (bench.metres("a"), bench.metres("b")) == (100, 7)
