"""Changes that belong together: made at once on one server, one after another on a cluster.

A cluster has no transaction over several slots. So commands are given in an order in which the
store may be left between any two of them, by whoever is killed there; see
docs/decisions/0015-a-store-of-many-nodes.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from slate.online.store.cluster_client import clustered

_RAISE = """
if tonumber(redis.call('GET', KEYS[1]) or '-1') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
"""


def raise_to(redis: Any, name: str, to: int) -> None:
    """Let a number be some other at least."""
    redis.eval(_RAISE, 1, name, to)


@contextmanager
def changes(redis: Redis) -> Iterator[Any]:
    """What takes commands that change several names; they are done by its end.

    Raises:
        RedisError: the store cannot be reached, or refuses.
    """
    if clustered(redis):
        yield redis
        return
    with redis.pipeline() as transaction:
        yield transaction
        transaction.execute()
