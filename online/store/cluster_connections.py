"""Connections to a cluster: what ``Connections`` is for one server, of all nodes that there are."""

import time
from contextlib import ExitStack
from threading import BoundedSemaphore
from typing import Any, Self, TypeAlias

from redis.exceptions import ResponseError

from slate.limits import check_timeout
from slate.online.store.addresses import ClusterAddress, Node, SentinelAddress, parsed
from slate.online.store.cluster_flows import NodeStep, known_slots, routed
from slate.online.store.cluster_map import ClusterMap
from slate.online.store.cluster_slots import SlotMap
from slate.online.store.connections import Connections, Exchange, left, set_deadline, until
from slate.online.store.flows import CONNECTIONS, Flow, T, busy, closed, drive
from slate.online.store.sentinel_connections import sentinel_connections


class ClusterConnections:
    """Connections to the nodes of a cluster, one of each for a flow. They can be shared by threads.

    Args:
        address: what the cluster's address says.
        timeout: how many seconds a flow has.
    """

    def __init__(self, address: ClusterAddress, timeout: float) -> None:
        check_timeout(timeout)
        self.timeout = timeout
        self.most = address.options.get("max_connections", CONNECTIONS)
        self.map = ClusterMap(address.nodes)
        # Of flows: who has its turn waits for no connection, so that no two wait for each other.
        self.gate = BoundedSemaphore(self.most)
        self.closed = False
        self._options = address.options
        self._nodes: dict[Node, Connections] = {}

    def run(self, flow: Flow[T], timeout: float | None = None) -> T:
        """Run a flow, and return what it returns; see ``Connections.run``.

        Raises:
            ClosedError: the connections are closed.
        """
        if self.closed:
            raise closed()
        timeout = self.timeout if timeout is None else timeout
        with until(time.monotonic() + timeout), _ClusterExchange(self, timeout) as exchange:
            return drive(routed(flow, self.map), exchange)

    def slots(self) -> SlotMap:
        """Which node has which slots, asked for where that is not known or in doubt.

        Raises:
            ExchangeError: no node tells.
        """
        if self.map.slots is not None and not self.map.to_be_read:
            return self.map.slots
        timeout = self.timeout
        with until(time.monotonic() + timeout), _ClusterExchange(self, timeout) as exchange:
            return drive(known_slots(self.map), exchange)

    def node(self, node: Node) -> Connections:
        """The connections to a node."""
        if node not in self._nodes:
            given = {**self._options, "host": node.host, "port": node.port}
            self._nodes.setdefault(node, Connections.of(given, self.timeout))
        return self._nodes[node]

    def close(self) -> None:
        """Cut all connections; who asks from now on is told."""
        self.closed = True
        for connections in list(self._nodes.values()):
            connections.close()


AnyConnections: TypeAlias = Connections | ClusterConnections


def connections_to(address: str, timeout: float) -> AnyConnections:
    """Connections to an address of whichever kind; each is made when it is needed.

    Raises:
        ConfigurationError: the address is not one, or the timeout not a time.
    """
    check_timeout(timeout)
    match parsed(address):
        case ClusterAddress() as found:
            return ClusterConnections(found, timeout)
        case SentinelAddress() as found:
            return sentinel_connections(found, timeout)
        case found:
            return Connections.of(found, timeout)


class _ClusterExchange:
    """A flow's exchange with the nodes of a cluster."""

    def __init__(self, connections: ClusterConnections, timeout: float) -> None:
        self._timeout = timeout
        self._connections = connections
        self._nodes: dict[Node, Exchange] = {}
        self._has_turn = False

    def __call__(self, step: NodeStep) -> Any:
        if isinstance(step, float):
            self.end()
            time.sleep(step)
            set_deadline(time.monotonic() + self._timeout)
            return None
        node, what = step
        exchange = self._exchange(node)
        if not isinstance(what, int):
            return exchange(what)
        return [_reply(exchange) for _ in range(what)]

    def _exchange(self, node: Node) -> Exchange:
        if node in self._nodes:
            return self._nodes[node]
        all_ = self._connections
        if not self._has_turn:
            if not all_.gate.acquire(timeout=left() or 0):
                raise busy(self._timeout, all_.most)
            self._has_turn = True
        if all_.closed:
            raise closed()
        return self._nodes.setdefault(node, Exchange(all_.node(node), self._timeout))

    def end(self) -> None:
        """Give the connections back."""
        nodes, self._nodes = self._nodes, {}
        with ExitStack() as ending:
            if self._has_turn:
                self._has_turn = False
                ending.callback(self._connections.gate.release)
            # Each of them, whatever ends another.
            for exchange in nodes.values():
                ending.callback(exchange.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def _reply(exchange: Exchange) -> Any:
    """The next reply of a node, errors among them."""
    try:
        return exchange(None)
    except ResponseError as error:
        return error
