"""Clients of the online store, wherever it is."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online.store.addresses import ClusterAddress, SentinelAddress, parsed, shown
from slate.online.store.channel import READ_SIZE
from slate.online.store.cluster_client import cluster_client, clustered
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.sentinel_connections import primary_client, servers_of

# Once more, for a pooled connection that the server has closed meanwhile.
RETRIES = 1


def open_store(deployment: Deployment) -> tuple[str, EmbeddedServer | None]:
    """The store's address, and where the deployment has none of its own, the embedded server.

    Raises:
        ConfigurationError: the address is not one.
        StoreError: the embedded server cannot be started.
    """
    if deployment.redis:
        parsed(deployment.redis)
        return deployment.redis, None
    deployment.make_data()
    server = EmbeddedServer.attach(deployment.online_store)
    return server.address, server


def running_store(deployment: Deployment) -> str | None:
    """The store's address; None where the deployment has none of its own, and the embedded rests.

    To look at it is not a reason to start it.
    """
    return deployment.redis or EmbeddedServer.running(deployment.online_store)


@contextmanager
def opened_store(deployment: Deployment) -> Iterator[Redis]:
    """A client of a deployment's store, and the embedded server for as long as it is asked.

    Raises:
        ConfigurationError, StoreError: see ``open_store``.
    """
    address, server = open_store(deployment)
    try:
        with connect(address) as redis:
            yield redis
    finally:
        if server is not None:
            server.stop()


def connect(address: str, timeout: float | None = None) -> Redis:
    """A client of the store, for whoever asks it one thing at a time.

    Args:
        address: ``redis://``, ``rediss://`` or ``unix://``; ``redis+sentinel://`` of the primary
            that sentinels tell of; ``redis+cluster://`` of a cluster, whose client has the same
            commands, each of names that lie in one slot. The latter two with TLS: ``rediss+...``.
        timeout: after how many seconds a command fails; None waits for ever.

    Raises:
        ConfigurationError: the address is not one.
    """
    found = parsed(address)
    if isinstance(found, ClusterAddress):
        return cluster_client(found, timeout)
    if isinstance(found, SentinelAddress):
        return primary_client(found, timeout)
    return _client(found, timeout)


def _client(options: Mapping[str, Any], timeout: float | None) -> Redis:
    """A client of one server."""
    waits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    retry = Retry(NoBackoff(), RETRIES)
    return Redis.from_pool(
        ConnectionPool(socket_read_size=READ_SIZE, retry=retry, **{**waits, **options})
    )


@contextmanager
def all_servers(address: str, timeout: float) -> Iterator[dict[str, Redis]]:
    """A client of each server that the store consists of, by its address; of replicas too.

    Args:
        address: as of ``connect``. What servers there are, those tell that it names.
        timeout: after how many seconds a command fails.

    Raises:
        ConfigurationError: the address is not one.
        RedisError: the store cannot be reached.
    """
    found: Any = parsed(address)
    with connect(address, timeout) as redis, ExitStack() as stack:
        if clustered(redis):
            nodes = redis.nodes()
        elif isinstance(found, SentinelAddress):
            nodes = servers_of(redis)
        else:
            yield {shown(address): redis}
            return
        yield {
            f"{host}:{port}": stack.enter_context(
                _client({**found.options, "host": host, "port": port}, timeout)
            )
            for host, port in nodes
        }


def require_all_is_kept(redis: Redis) -> None:
    """Refuse a store that lets go of what Slate keeps in it once it is full.

    Its limit may be set at any time, so that it has none yet is no help.

    Raises:
        StoreError: its policy is to do so.
        RedisError: the store cannot be reached.
    """
    for server in redis.clients() if clustered(redis) else [redis]:
        _require_all_is_kept(server)


def _require_all_is_kept(server: Redis) -> None:
    memory: Any = server.info("memory")
    policy = str(memory.get("maxmemory_policy"))
    if policy.startswith("allkeys"):
        raise StoreError(
            f"the online store lets rows go when it is full (maxmemory-policy {policy}), and "
            "a row that went cannot be told from one that never was: set its maxmemory-policy "
            "to noeviction"
        )
