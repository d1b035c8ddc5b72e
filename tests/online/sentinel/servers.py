"""A primary with a replica, and the sentinels that watch them, on this machine."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from tests.online.local_servers import LocalServer, until

SERVICE, PASSWORD, ASKING = "main", "of servers", "of sentinels"
# After so long a server is down, and about as long later another one has its place.
DOWN_MS = 1_000

_SENTINEL = """\
requirepass "{asking}"
sentinel sentinel-pass "{asking}"
sentinel monitor {service} 127.0.0.1 {port} 2
sentinel auth-pass {service} "{password}"
sentinel down-after-milliseconds {service} {down}
sentinel failover-timeout {service} 2000
"""


class SentinelSet:
    """Two servers and three sentinels.

    Args:
        folder: where they keep their data.
    """

    def __init__(self, folder: Path) -> None:
        settings = {
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "repl-diskless-sync-delay": 0,
            "repl-ping-replica-period": 1,
            "appendonly": "no",
            "save": "",
        }
        folder.mkdir()
        first = LocalServer(folder / "0", settings, PASSWORD)
        of_first = {**settings, "replicaof": f"127.0.0.1 {first.port}"}
        self.servers = [first, LocalServer(folder / "1", of_first, PASSWORD)]
        told = _SENTINEL.format(
            asking=ASKING, service=SERVICE, port=first.port, password=PASSWORD, down=DOWN_MS
        )
        self.sentinels = [
            LocalServer(folder / f"sentinel {place}", told, ASKING, ("--sentinel",))
            for place in range(3)
        ]
        until(self.ready)

    @property
    def address(self) -> str:
        """Where the primary is told."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        asking = ASKING.replace(" ", "%20")
        return f"redis+sentinel://:of%20servers@{hosts}/{SERVICE}?sentinel_password={asking}"

    def ready(self) -> bool:
        """Whether a replica is in step, and all sentinels know it and each other."""
        roles = [server.redis.execute_command("ROLE") for server in self.servers]
        in_step = sum(role[0] == b"slave" and role[3] == b"connected" for role in roles)
        return in_step == 1 and all(
            told["num-slaves"] == 1 and told["num-other-sentinels"] == 2
            for told in self._told(self.sentinels)
        )

    def _told(self, sentinels: list[LocalServer]) -> Iterator[dict[str, int]]:
        for sentinel in sentinels:
            yield sentinel.redis.sentinel_master(SERVICE)

    def primary(self) -> LocalServer | None:
        """The server that is the primary, once it says so and the sentinels know it."""
        return next(filter(self._is_primary, self.servers), None)

    def _is_primary(self, server: LocalServer) -> bool:
        with suppress(RedisError):
            if server.redis.execute_command("ROLE")[0] == b"master":
                return all(told["port"] == server.port for told in self._told(self.sentinels))
        return False

    def fail_over(self) -> LocalServer:
        """Have the replica take the primary's place, while both live; gives it.

        The former primary goes on for some seconds as if it were still the one.
        """
        (after,) = (server for server in self.servers if server is not self.primary())
        self.sentinels[0].redis.execute_command("SENTINEL", "FAILOVER", SERVICE)
        until(lambda: self._is_primary(after))
        return after

    def close(self) -> None:
        """Kill all of them."""
        for server in (*self.sentinels, *self.servers):
            server.kill()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[SentinelSet]:
    """Servers that sentinels watch."""
    watched = SentinelSet(tmp_path / "servers")
    yield watched
    watched.close()
