"""Deleting what streams added to the rows of a view that is no longer defined so."""

from redis import Redis

from slate.online.store.changes import changes
from slate.online.store.deployment_keys import names_of
from slate.online.store.generations import pointers, whole_field
from slate.online.store.stream_names import REPLAYED, definition
from slate.registry import Registry

_AT_ONCE = 1_000


def forget_view(redis: Redis, deployment: str, view: str) -> None:
    """Delete all rows of a view that is no longer defined, also where nobody reads its stream.

    It takes a look at every name in the store.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        view: the view's name.
    """
    found = [name.decode() for name in redis.scan_iter(f"{deployment}:{view}:*:deltas:*", _AT_ONCE)]
    kept = [name.decode() for name in redis.scan_iter(f"{deployment}:stream:*:views", _AT_ONCE)]
    for name in {name.removesuffix(REPLAYED) for name in found}:
        known, where = name.removeprefix(f"{deployment}:").split(":deltas:")
        streams = [one.removesuffix(":views") for one in kept if one.endswith(f":{where}:views")]
        for stream in streams or [""]:
            forget_definition(redis, deployment, known, name, stream)


def forget_former_definitions(redis: Redis, deployment: str, registry: Registry) -> None:
    """Delete the rows of all definitions that views no longer have, found by their names.

    It takes a look at every name of the deployment. No worker may run. What says that there are
    such rows stays, until a worker finds them gone.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.
    """
    present = {definition(view) for view in registry.views.values() if view.windowed}
    for server, names in names_of(redis, deployment):
        for name in names:
            text = name.decode(errors="replace").removeprefix(f"{deployment}:")
            known, found, _ = text.partition(":deltas:")
            if found and known not in present:
                server.unlink(name)


def forget_definition(redis: Redis, deployment: str, known: str, rows: str, stream: str) -> None:
    """Delete a definition's rows of a partition, with what says that it has them.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        known: what the rows are known by.
        rows: the name that they have.
        stream: the partition's stream; empty if there is none any more.
    """
    with changes(redis) as change:
        change.hdel(pointers(deployment), whole_field(known))
        if stream:
            change.srem(f"{stream}:views", known)
            change.srem(f"{stream}:made", known)
            change.hdel(f"{stream}:let_go", known)
        change.unlink(rows, f"{rows}{REPLAYED}")
