"""Connections to a cluster for tasks: what ``cluster_connections`` does for threads."""

import asyncio
import time
from asyncio import AbstractEventLoop
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from redis.exceptions import ResponseError

from slate.limits import check_timeout
from slate.online.store.addresses import ClusterAddress, Node, SentinelAddress, parsed
from slate.online.store.async_connections import AsyncConnections, AsyncExchange, only_loop
from slate.online.store.async_sentinel_connections import async_sentinel_connections
from slate.online.store.cluster_flows import NodeStep, routed
from slate.online.store.cluster_map import ClusterMap
from slate.online.store.flows import CONNECTIONS, Flow, T, busy, closed, drive_async


class AsyncClusterConnections:
    """Connections to the nodes of a cluster, one of each for a flow; for one event loop's tasks.

    Args:
        address: what the cluster's address says.
        timeout: how many seconds a flow has.
    """

    def __init__(self, address: ClusterAddress, timeout: float) -> None:
        check_timeout(timeout)
        self.timeout = timeout
        self.most = address.options.get("max_connections", CONNECTIONS)
        self.map = ClusterMap(address.nodes)
        self.gate = asyncio.Semaphore(self.most)
        self.closed = False
        self._options = address.options
        self._nodes: dict[Node, AsyncConnections] = {}
        self._loop: AbstractEventLoop | None = None

    async def run(self, flow: Flow[T], timeout: float | None = None) -> T:
        """Run a flow, and return what it returns; see ``AsyncConnections.run``.

        Raises:
            ClosedError: the connections are closed, or those of another event loop.
        """
        if self.closed:
            raise closed()
        self._loop = only_loop(self._loop)
        exchange = _AsyncClusterExchange(self, self.timeout if timeout is None else timeout)
        try:
            return await drive_async(routed(flow, self.map), exchange)
        finally:
            await exchange.end()

    def node(self, node: Node) -> AsyncConnections:
        """The connections to a node."""
        if node not in self._nodes:
            given = {**self._options, "host": node.host, "port": node.port}
            self._nodes[node] = AsyncConnections.of(given, self.timeout)
        return self._nodes[node]

    async def close(self) -> None:
        """Cut all connections; who asks from now on is told."""
        self.closed = True
        for connections in list(self._nodes.values()):
            await connections.close()


AnyAsyncConnections: TypeAlias = AsyncConnections | AsyncClusterConnections


def async_connections_to(address: str, timeout: float) -> AnyAsyncConnections:
    """Connections to an address for tasks; see ``connections_to``."""
    check_timeout(timeout)
    match parsed(address):
        case ClusterAddress() as found:
            return AsyncClusterConnections(found, timeout)
        case SentinelAddress() as found:
            return async_sentinel_connections(found, timeout)
        case found:
            return AsyncConnections.of(found, timeout)


class _AsyncClusterExchange:
    """A flow's exchange with the nodes of a cluster."""

    def __init__(self, connections: AsyncClusterConnections, timeout: float) -> None:
        self._timeout = timeout
        self._connections = connections
        self._nodes: dict[Node, AsyncExchange] = {}
        self._has_turn = False
        self._began = time.monotonic()

    async def __call__(self, step: NodeStep) -> Any:
        if isinstance(step, float):
            await self.end()
            await asyncio.sleep(step)
            self._began = time.monotonic()
            return None
        node, what = step
        exchange = await self._exchange(node)
        if not isinstance(what, int):
            return await exchange(what)
        return [await _reply(exchange) for _ in range(what)]

    async def _exchange(self, node: Node) -> AsyncExchange:
        if node in self._nodes:
            return self._nodes[node]
        all_ = self._connections
        if not self._has_turn:
            left = self._began + self._timeout - time.monotonic()
            try:
                async with asyncio.timeout(max(left, 0)):
                    await all_.gate.acquire()
            except TimeoutError:
                raise busy(self._timeout, all_.most) from None
            self._has_turn = True
        if all_.closed:
            raise closed()
        return self._nodes.setdefault(
            node, AsyncExchange(all_.node(node), self._timeout, self._began)
        )

    async def end(self) -> None:
        """Give the connections back."""
        nodes, self._nodes = self._nodes, {}
        async with AsyncExitStack() as ending:
            if self._has_turn:
                self._has_turn = False
                ending.callback(self._connections.gate.release)
            # Each of them, whatever ends another.
            for exchange in nodes.values():
                ending.push_async_callback(exchange.end)


async def _reply(exchange: AsyncExchange) -> Any:
    """The next reply of a node, errors among them."""
    try:
        return await exchange(None)
    except ResponseError as error:
        return error
