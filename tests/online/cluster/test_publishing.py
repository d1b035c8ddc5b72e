"""Publishing to a cluster, whose transactions know one slot: killed and overtaken anywhere."""

from contextlib import suppress

from redis import Redis

from slate.errors import StoreError
from slate.online import Publisher
from tests.online.arcade import GameCatalog
from tests.online.stream.effects import Effects
from tests.online.tables import AS_OF
from tests.online.test_generations import (  # noqa: F401
    test_a_publish_that_another_overtook_gives_up,
    test_a_rollback_goes_to_what_is_older_and_forward_only_where_it_is_told,
    test_clients_of_a_former_definition_are_served_meanwhile,
    title,
)
from tests.online.test_lost_generations import (  # noqa: F401
    patient,
    test_a_generation_without_its_marker_is_not_read,
    test_of_a_store_that_was_flushed_nothing_is_known,
)
from tests.online.test_publishers import (  # noqa: F401
    Title,
    another,
    effects,
    live_title,
    require_no_more_than,
    step,
    test_a_publisher_that_is_killed_before_any_effect,
    test_another_publish_between_any_two_effects,
    test_two_publishers_in_any_order,
    test_what_lists_its_keys_wrongly_is_swept_too,
    titled,
)


def test_a_rollback_between_any_two_effects_of_a_publish(
    redis: Redis,
    publisher: Publisher,
    live_title: Title,  # noqa: F811
    effects: Effects,  # noqa: F811
) -> None:
    """It may be refused, once the publish has said that what came before goes."""
    number, refused, more = 0, 0, True

    def roll_back() -> None:
        nonlocal refused
        refused += 1
        with suppress(StoreError):
            publisher.rollback(GameCatalog)
            refused -= 1

    while more:
        redis.flushall()
        for before in ("0", "1"):
            publisher.publish(GameCatalog, titled(before), AS_OF)
        start = effects.number
        with effects.interrupted_before(number, roll_back):
            publisher.publish(GameCatalog, titled("2"), AS_OF)
        more = effects.number - start > number
        assert live_title() in ("2", "1")
        require_no_more_than(redis, 2)
        number += step(redis)
    assert refused < 5 < number
