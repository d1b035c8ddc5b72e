"""Leaving to a replay all that the stream keeps of a source, as if its partitions had never run.

The rows that are there are served until those take their place that are made anew from the archive.
The ids that were seen, and what near views were told, are gone at once.
"""

from redis import Redis

from slate.online.store import seen_ids
from slate.online.store.change_log import log_name
from slate.online.store.cluster_client import pipeline_at
from slate.online.store.stream_names import LOG, units
from slate.registry import Registry
from slate.sources import Source


def leave_afresh(redis: Redis, deployment: str, registry: Registry, source: type[Source]) -> None:
    """Have workers make the rows, and the ids, of a source's partitions anew.

    Nothing may wait in its streams, and no worker may hold them. Killed at any point, it may be
    done again.

    Args:
        redis: a client of the store.
        deployment: the deployment's name.
        registry: the definitions.
        source: a source that is archived.
    """
    for unit in units(deployment, registry, source):
        if unit.route == LOG:
            continue
        with pipeline_at(redis, unit.stream) as transaction:
            transaction.watch(unit.position)
            latest = int(transaction.get(unit.applied) or 0)
            transaction.multi()
            # A replay ends with a broken chain, so who follows the log reads all again.
            transaction.unlink(unit.views, unit.applied, log_name(unit))
            if latest:
                transaction.unlink(*seen_ids.names(unit, latest))
            transaction.execute()
