"""Connections for tasks to the primary that sentinels tell of; see ``sentinel_connections``."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from weakref import proxy

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.connection import Connection as SyncConnection
from redis.connection import SSLConnection as SyncSSLConnection
from redis.exceptions import RedisError

from slate.online.store.addresses import Node, SentinelAddress
from slate.online.store.async_connections import UNTIMED, AsyncConnections
from slate.online.store.flows import CONNECTIONS
from slate.online.store.sentinel_connections import (
    EVERY,
    Told,
    asking,
    newest,
    read,
    require_primary,
    share_of,
)


class AsyncPrimaryPool(ConnectionPool):
    """A ``PrimaryPool`` for tasks.

    Args:
        address: what the address says.
        timeout: how many seconds a flow has.
    """

    # Redis' connections ask for these.
    is_master, check_connection = True, False

    def __init__(self, address: SentinelAddress, timeout: float) -> None:
        given = dict(address.options)
        kind = _KINDS[given.pop("connection_class", SyncConnection)]
        super().__init__(kind, given.pop("max_connections", CONNECTIONS), **UNTIMED, **given)
        # Not itself: it would never be let go.
        self.connection_kwargs["connection_pool"] = proxy(self)
        self.primary: Node | None = None
        self._service = address.service
        self._epoch, self._next_look = 0, 0.0
        self._share = share_of(timeout, len(address.sentinels))
        self._sentinels: list[tuple[Node, Any]] = [
            (
                node,
                AsyncConnections.of({**address.sentinel_options, **node._asdict()}, timeout).redis,
            )
            for node in address.sentinels
        ]

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """A connection to the primary; see ``PrimaryPool.get_connection``."""
        if self.primary is not None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + EVERY
            with suppress(RedisError, OSError):
                told = await self._told_by(self._sentinels[:1])
                if told.epoch >= self._epoch and told.primary != self.primary:
                    await self.disconnect(inuse_connections=False)
        return await super().get_connection()  # type: ignore[no-untyped-call]

    async def get_master_address(self) -> Node:
        """Where the primary is; see ``PrimaryPool.get_master_address``."""
        self._epoch, primary = await self._told_by(self._sentinels)
        return primary

    async def _told_by(self, sentinels: Sequence[tuple[Node, Any]]) -> Told:
        errors, told = list[tuple[Node, Exception]](), list[Told]()
        for node, sentinel in sentinels:
            try:
                async with (
                    asyncio.timeout(self._share),
                    sentinel.pipeline(transaction=False) as asked,
                ):
                    told.append(read(await asking(asked, self._service).execute()))
            except (RedisError, OSError) as error:
                errors.append((node, error))
            except asyncio.CancelledError:
                # As where a request has less time than this sentinel takes.
                self.doubt()
                raise
            else:
                if told[-1].epoch >= self._epoch:
                    break
            self.doubt()
        return newest(told, self._service, errors)

    def doubt(self) -> None:
        """Ask the sentinel last from now on that was asked first."""
        first, *others = self._sentinels
        self._sentinels = [*others, first]

    async def reached(self, primary: Node) -> None:
        """Note that a server said that it is the primary."""
        before, self.primary = self.primary, primary
        self._next_look = time.monotonic() + EVERY
        if before is not None and before != primary:
            await self.disconnect(inuse_connections=False)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Cut connections; if all of them, those to sentinels too."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for _, sentinel in self._sentinels:
                await sentinel.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service}>"


class _ToPrimary(SentinelManagedConnection):
    """A connection to the primary."""

    async def connect_to(self, address: Node) -> None:
        await super().connect_to(address)  # type: ignore[no-untyped-call]
        try:
            await self.send_command("ROLE")
            require_primary(await self.read_response(), address)
        except BaseException:
            await self.disconnect(nowait=True)
            self.connection_pool.doubt()
            raise
        await self.connection_pool.reached(address)


class _ToPrimaryTLS(_ToPrimary, SSLConnection): ...


_KINDS: dict[type, type[_ToPrimary]] = {
    SyncConnection: _ToPrimary,
    SyncSSLConnection: _ToPrimaryTLS,
}


def async_sentinel_connections(address: SentinelAddress, timeout: float) -> AsyncConnections:
    """Connections for tasks to the primary that sentinels tell of; see ``AsyncConnections``."""
    pool = AsyncPrimaryPool(address, timeout)
    return AsyncConnections(Redis.from_pool(pool), timeout, pool.max_connections)
