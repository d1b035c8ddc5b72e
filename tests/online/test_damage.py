from collections.abc import Iterator

import pytest
from redis import Redis

from slate.deployment import Deployment
from tests.depth import either
from tests.online.damage import Damage

SEED = 20_261_126


@pytest.fixture
def damage(deployment: Deployment, redis: Redis) -> Iterator[Damage]:
    damage = Damage(deployment, redis, SEED)
    yield damage
    damage.close()


def test_nothing_that_is_damaged_is_served_without_a_flag(damage: Damage) -> None:
    trials = either(100, 300)
    outcome = damage.run(trials)
    assert not outcome.exceptions
    assert not outcome.wrong
    assert outcome.flagged > trials * 2 / 3
