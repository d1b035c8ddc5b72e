from collections.abc import Iterator

import pytest
from redis import Redis

from slate.deployment import Deployment
from tests.online.damage import Damage

SEED = 20_261_126


@pytest.fixture
def damage(deployment: Deployment, redis: Redis) -> Iterator[Damage]:
    damage = Damage(deployment, redis, SEED)
    yield damage
    damage.close()


def test_nothing_that_is_damaged_is_served_without_a_flag(damage: Damage) -> None:
    outcome = damage.run(300)
    assert not outcome.exceptions
    assert not outcome.wrong
    assert outcome.flagged > 200
