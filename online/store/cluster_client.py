"""Clients of a cluster, for whoever asks one thing at a time: what ``Redis`` is for one server.

Not redis' own ``RedisCluster``: that one repeats a transaction whose connection broke over another
connection, which watches nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import methodcaller
from typing import Any, Self, TypeGuard, TypeVar, cast

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MovedError,
    TimeoutError,
    TryAgainError,
)
from redis.retry import Retry

from slate.online.store.addresses import ClusterAddress, Node
from slate.online.store.change_log import Entries, entries_of
from slate.online.store.channel import READ_SIZE
from slate.online.store.cluster_connections import ClusterConnections
from slate.online.store.cluster_flows import ATTEMPTS
from slate.online.store.cluster_slots import slot
from slate.online.store.commands import Packed, command, together, values
from slate.online.store.flows import ExchangeError, Flow, Replicated, not_replicated

# How long packed commands may take where no timeout is said.
PATIENCE = 60.0
# Once more, for a pooled connection that the node has closed meanwhile.
RETRIES = 1
# After these the slot may have another node.
_MOVED = (ClusterDownError, ConnectionError, MovedError, TimeoutError, TryAgainError)

Result = TypeVar("Result")


class ClusterClient:
    """A client of a cluster; nothing is asked before it is used.

    It has the commands of ``Redis`` whose names lie in one slot, and a few that it spreads over
    nodes; those without a name are for all nodes. What is packed goes by ``send``, and what watches
    names by ``transaction`` and ``watching``.

    Args:
        address: what the cluster's address says.
        timeout: after how many seconds a command fails; None waits for ever.
    """

    def __init__(self, address: ClusterAddress, timeout: float | None) -> None:
        self.connections = ClusterConnections(address, timeout or PATIENCE)
        waits = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        self._options: dict[str, Any] = {**waits, **address.options}
        self._clients: dict[Node, Redis] = {}

    def __getattr__(self, command: str) -> Callable[..., Any]:
        if command.startswith("_"):
            raise AttributeError(command)

        def ask(*words: Any, **options: Any) -> Any:
            if not words:
                return [getattr(client, command)(**options) for client in self.clients()]
            name = words[2] if command in ("eval", "evalsha") else words[0]
            return self._at(name, methodcaller(command, *words, **options))

        return ask

    def send(self, commands: Iterable[Packed], replicated: bool = False) -> list[Any]:
        """Send commands, each to the nodes that have its slots; gives the replies.

        Args:
            commands: the commands.
            replicated: whether what they write is to be on replicas too, where nodes have any.

        Raises:
            RedisError: a node cannot be reached, or refuses one of them.
        """
        try:
            return self.connections.run(_replies(together(list(commands)), replicated))
        except ExchangeError as error:
            raise ConnectionError(str(error)) from error

    def transaction(self, change: Callable[[Any], Any], *watched: str, **options: Any) -> Any:
        """As of ``Redis``: changes of one slot, made again if another comes between."""
        return self._at(watched[0], methodcaller("transaction", change, *watched, **options))

    @contextmanager
    def watching(self, name: str) -> Iterator[Redis]:
        """A client of the node that has a name's slot, for what watches names there."""
        with self._noticed():
            yield self._client(self._node(name))

    def mget(self, *names: Any) -> list[Any]:
        """The values of names, wherever they lie."""
        flat = [name for one in names for name in ([one] if isinstance(one, str) else one)]
        (found,) = self.send([values(flat)])
        return list(found)

    def xread(self, streams: Mapping[bytes, bytes], count: int) -> dict[bytes, Entries]:
        """The entries of streams, wherever they lie; of those that have some."""
        words = ("XREAD", "COUNT", str(count), "STREAMS")
        replies = self.send(command(*words, *one, name=len(words)) for one in streams.items())
        return {name: some for reply in replies for name, some in entries_of(reply).items()}

    def exists(self, *names: str) -> int:
        """How many of some names there are."""
        return sum(self._at(name, methodcaller("exists", name)) for name in names)

    def unlink(self, *names: Any) -> int:
        """Delete names, wherever they lie."""
        return sum(self._at(name, methodcaller("unlink", name)) for name in names)

    def scan_iter(self, *words: Any, **options: Any) -> Iterator[bytes]:
        """All names, of all nodes."""
        for client in self.clients():
            yield from client.scan_iter(*words, **options)

    def time(self) -> Any:
        """The time of one of the nodes."""
        return self._at("", methodcaller("time"))

    def pipeline(self, transaction: bool = True) -> "_OneByOne":
        """What takes commands on any names, and gives their replies; it is no transaction."""
        assert not transaction, "a transaction of a cluster is of one slot: see `watching`"
        return _OneByOne(self)

    def clients(self) -> list[Redis]:
        """A client of each node that has slots."""
        with self._noticed():
            return [self._client(node) for node in self._told(lambda c: c.slots()).nodes]

    def nodes(self) -> list[Node]:
        """The nodes that have slots, and their replicas."""
        known = self._told(lambda connections: connections.slots())
        return [one for node in known.nodes for one in (node, *known.replicas.get(node, ()))]

    def close(self) -> None:
        """Close the connections."""
        self.connections.close()
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, name: Any, ask: Callable[[Redis], Result]) -> Result:
        """What the node that has a name's slot replies; of one that moved, the other node."""
        for _ in range(ATTEMPTS):
            try:
                with self._noticed():
                    return ask(self._client(self._node(name)))
            except (MovedError, TryAgainError) as error:
                refused = error
        raise refused

    def _node(self, name: Any) -> Node:
        node = self._told(lambda connections: connections.slots()).node(slot(name))
        if node is None:
            raise ClusterDownError(f"no node of the online store has the slot of {name}")
        return node

    def _client(self, node: Node) -> Redis:
        if node not in self._clients:
            retry = Retry(NoBackoff(), RETRIES)
            given = {**self._options, "host": node.host, "port": node.port}
            pool = ConnectionPool(socket_read_size=READ_SIZE, retry=retry, **given)
            self._clients.setdefault(node, Redis.from_pool(pool))
        return self._clients[node]

    def _told(self, ask: Callable[[ClusterConnections], Result]) -> Result:
        try:
            return ask(self.connections)
        except ExchangeError as error:
            raise ConnectionError(str(error)) from error

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Notice that slots may have moved."""
        try:
            yield
        except _MOVED:
            self.connections.map.doubt()
            raise


class _OneByOne:
    """Takes commands as a pipeline of ``Redis`` does, and has each done at once."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client
        self._replies: list[Any] = []

    def __getattr__(self, command: str) -> Callable[..., Any]:
        def ask(*words: Any, **options: Any) -> "_OneByOne":
            self._replies.append(getattr(self._client, command)(*words, **options))
            return self

        return ask

    def execute(self) -> list[Any]:
        """The replies."""
        replies, self._replies = self._replies, []
        return replies

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def cluster_client(address: ClusterAddress, timeout: float | None) -> Redis:
    """A client of a cluster as one of a server, whose commands it has."""
    return cast(Redis, ClusterClient(address, timeout))


def clustered(redis: Any) -> TypeGuard[ClusterClient]:
    """Whether a client is one of a cluster."""
    return isinstance(redis, ClusterClient)


@contextmanager
def watching(redis: Redis, name: str) -> Iterator[Redis]:
    """A client of the server that has a name, for what watches names there.

    Args:
        redis: a client of the store.
        name: the name; of a cluster all others lie in its slot.
    """
    if clustered(redis):
        with redis.watching(name) as client:
            yield client
    else:
        yield redis


@contextmanager
def pipeline_at(redis: Any, name: str) -> Iterator[Any]:
    """A pipeline to the server that has a name, for a transaction on names of its slot."""
    with watching(redis, name) as server, server.pipeline() as pipeline:
        yield pipeline


def _replies(packed: Packed, replicated: bool) -> Flow[list[Any]]:
    """The flow that sends commands and gives their replies, if none is an error."""
    if not packed.number:
        return []
    yield packed
    replies = []
    for _ in range(packed.number):
        reply = yield None
        for one in reply if isinstance(reply, list) else ():
            if isinstance(one, Exception):
                raise one
        replies.append(reply)
    if replicated and (behind := (yield Replicated())):
        raise not_replicated(behind)
    return replies
