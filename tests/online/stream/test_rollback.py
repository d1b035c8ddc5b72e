"""Rolling back while events stream in: what they add is right at once, or it is refused."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from slate.deployment import Deployment, load
from slate.errors import StoreError
from slate.online import Publisher
from slate.online.publishing.listing import Standing
from slate.online.rows.partitioning import PARTITIONS
from slate.online.store.stream_names import Unit, definition, route
from tests.online.stream.test_near_views import DEFINITIONS, Both
from tests.online.stream.test_worker import BIKES, NOON

HOUR = timedelta(hours=1)


@pytest.fixture
def both(redis: Redis, deployment: Deployment, tmp_path: Path) -> Iterator[Both]:
    """One whose view has two generations, of which the later one knows two hours more."""
    bikes = replace(
        load(BIKES),
        definitions=DEFINITIONS,
        data=tmp_path,
        redis=deployment.redis,
        kept_generations=2,
    )
    both = Both(bikes, redis)
    with Publisher.connect(bikes) as publisher:
        publisher.publish(both.view, [], NOON, stream_from=NOON)
        for metres in (100, 20, 3):
            both.now += timedelta(minutes=10)
            both.come(both.ride("a", metres))
            both.now += timedelta(minutes=50)
        assert both.metres("a") == 123
        # It says that it knows what arrived before two, and has nothing of it.
        publisher.publish(both.view, [], NOON + 2 * HOUR, stream_from=NOON + 2 * HOUR)
    assert both.metres("a") == 3
    yield both
    both.path.close()
    both.close()


@pytest.fixture
def publisher(both: Both) -> Iterator[Publisher]:
    with Publisher.connect(both.deployment) as publisher:
        yield publisher


def partitions(both: Both) -> list[Unit]:
    return [Unit("bikes", both.source, route(both.view), n) for n in range(PARTITIONS)]


def test_what_streamed_is_added_to_the_generation_that_is_gone_back_to(
    both: Both, publisher: Publisher
) -> None:
    assert both.same("a") > 0
    (moved,) = publisher.rollback(both.view)
    assert not moved.rebuilt
    # No worker has looked at it yet.
    assert both.metres("a") == 123
    assert both.same("a") > 0, "what is kept near follows"
    both.come(both.ride("a", 1_000), both.ride("b", 7))
    # The first step finds out what is live.
    both._worker.step()
    assert (both.metres("a"), both.metres("b")) == (1_123, 7)
    # What is let go now and then is not what one could go forward to, nor back.
    both._worker._retained = both._worker._renewed = -1e9
    both._worker.step()
    publisher.rollback(both.view, to=moved.left.name)
    assert both.metres("a") == 1_003
    publisher.rollback(both.view)
    assert both.metres("a") == 1_123
    assert both.same("a") > 0
    assert both._worker.stats.replayed == 0


def test_the_next_publish_goes_on_from_what_is_live(both: Both, publisher: Publisher) -> None:
    (moved,) = publisher.rollback(both.view)
    later = publisher.publish(both.view, [], NOON + HOUR, stream_from=NOON + HOUR)
    assert [one.name for one in later.kept] == [moved.live.name, moved.left.name]
    assert both.metres("a") == 23
    # Not to the one that was rolled back from, which is the newer one.
    publisher.rollback(both.view)
    assert both.metres("a") == 123


@pytest.mark.parametrize("what", ["let go", "left"])
def test_it_is_refused_where_rows_of_the_stream_are_not_there(
    both: Both, publisher: Publisher, what: str
) -> None:
    """Unless workers are to make them anew: until they have, the view is MISSING."""
    known = definition(both.view)
    if what == "let go":
        both.redis.hset(partitions(both)[0].let_go, known, int((NOON + HOUR).timestamp()) // 3600)
        reason = "between 2026-03-10 12:00 and 2026-03-10 13:00 UTC was let go"
    else:
        both.redis.srem(partitions(both)[0].views, known)
        reason = "is not there as a whole, or workers make it anew now"
    with pytest.raises(StoreError, match=f"rider_rides cannot be rolled back: .*{reason}"):
        publisher.rollback(both.view)
    assert both.metres("a") == 3
    (kept,) = (
        one
        for one in publisher.generations(both.deployment.registry, both.view)
        if one.standing is Standing.KEPT
    )
    assert reason in str(kept.obstacle)
    (moved,) = publisher.rollback(both.view, rebuild=True)
    assert moved.rebuilt
    both.require_lacking("a")
    both.write(both.ride("a", 1_000))
    both._worker._renewed = -1e9
    for _ in range(3):
        both._worker.step()
    assert both.metres("a") == 1_123
    assert both.same("a") > 0


def test_a_generation_of_before_the_stream_began_is_not_served_without_what_it_brought(
    both: Both, publisher: Publisher
) -> None:
    publisher.publish(both.view, [], NOON + HOUR)
    publisher.publish(both.view, [], NOON + 3 * HOUR, stream_from=NOON + 3 * HOUR)
    assert both.metres("a") == 0
    (moved,) = publisher.rollback(both.view)
    assert both.metres("a") == 23
    publisher.rollback(both.view, to=moved.left.name)
    both.redis.srem(partitions(both)[0].views, definition(both.view))
    publisher.rollback(both.view, rebuild=True)
    both.require_lacking("a")
