"""What a preview has in the store is found by its name, and nothing else is."""

from redis import Redis

from slate.online.store.deployment_keys import AT_ONCE, count, previews, remove_all

OTHERS = {
    "arcade:generations",
    "arcade:game_catalog:1-2-3:{g1}",
    "{arcade:stream:plays:dead}:position",
    "arcade@p2:generations",
    "{arcade@p2:stream:plays:dead}:position",
    "arcade@p-2:stream:plays:{log}",
    "arcade2@p:generations",
    "my-arcade@p:generations",
    "other:arcade@p:generations",
}


def test_all_of_a_preview_goes_and_nothing_else(redis: Redis) -> None:
    own = {f"arcade@p:game_catalog:1-2-3:{{g{number}}}" for number in range(2 * AT_ONCE + 7)}
    own |= {"arcade@p:generations", "arcade@p:{x}:deltas:{y}", "{arcade@p:stream:z:dead}:position"}
    for name in own | OTHERS:
        redis.set(name, name)
    # A store that makes room meanwhile may tell of a name twice.
    found = previews(redis, "arcade")
    assert found.keys() == {"p", "p2", "p-2"}
    assert found["p"] >= len(own)
    assert previews(redis, "arcade2").keys() == {"p"}
    assert count(redis, "arcade@p") >= len(own)
    assert remove_all(redis, "arcade@p") == len(own)
    assert count(redis, "arcade@p") == 0
    assert [name for name in OTHERS if redis.get(name) != name.encode()] == []
    assert previews(redis, "arcade").keys() == {"p2", "p-2"}
    assert remove_all(redis, "arcade@p") == 0
