"""A real cluster on this machine: nodes of the embedded server's kind, formed by their commands."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from slate.online.store.embedded_process import binary

# Within these a failed node is known to have, and a replica takes its place.
NODE_TIMEOUT_MS = 600
START_SECONDS = 20.0
# The server, and beside it what ends it with the tests, however they end.
_RUN = 'exec 3<&0; "$@" 3<&- & server=$!; { read -r _ <&3; kill -9 "$server"; } & wait "$server"'


class LocalNode:
    """One node.

    Args:
        folder: where it keeps its data.
    """

    def __init__(self, folder: Path) -> None:
        self.port, self._bus = free_ports(2)
        self._folder = folder
        folder.mkdir()
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-port": self._bus,
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-require-full-coverage": "no",
            "cluster-replica-validity-factor": 0,
            "repl-diskless-sync-delay": 0,
            "repl-ping-replica-period": 1,
            "dir": self._folder,
            "appendonly": "no",
            "save": "",
        }
        given = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _RUN, "node", str(binary()), *given],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.redis: Any = Redis(port=self.port, retry=Retry(NoBackoff(), 0), socket_timeout=5)
        until(self._answers)
        self.id = self.redis.execute_command("CLUSTER", "MYID").decode()
        self.number = int(self.redis.info("server")["process_id"])

    def _answers(self) -> bool:
        with suppress(RedisError):
            return bool(self.redis.ping())
        return False

    def kill(self) -> None:
        """Kill it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self.redis.close()


class LocalCluster:
    """A cluster of primaries, each with replicas.

    Args:
        folder: where its nodes keep their data.
        primaries: how many.
        replicas: how many each has.
    """

    def __init__(self, folder: Path, primaries: int = 3, replicas: int = 0) -> None:
        number = primaries * (1 + replicas)
        self.nodes = [LocalNode(folder / str(place)) for place in range(number)]
        first, slots = self.nodes[0], 16_384
        bounds = [slots * place // primaries for place in range(primaries + 1)]
        for node, start, end in zip(self.nodes, bounds, bounds[1:], strict=False):
            node.redis.execute_command("CLUSTER", "ADDSLOTSRANGE", start, end - 1)
        for place, node in enumerate(self.nodes):
            node.redis.execute_command("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
            meet = ("CLUSTER", "MEET", "127.0.0.1", first.port, first._bus)
            if node is not first:
                node.redis.execute_command(*meet)
        until(lambda: all(self._knows(node, number) for node in self.nodes))
        for place, node in enumerate(self.nodes[primaries:]):
            of = self.nodes[place % primaries]
            node.redis.execute_command("CLUSTER", "REPLICATE", of.id)
        until(self.ready)

    @property
    def address(self) -> str:
        """Its address, by its primaries."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes[:3])

    def ready(self) -> bool:
        """Whether all nodes know all slots and replicas, and these are in step."""
        if not all("cluster_state:ok" in self._info(node) for node in self.nodes):
            return False
        everyone = {node.port for node in self.nodes}
        for node in self.nodes:
            told = node.redis.execute_command("CLUSTER", "SLOTS")
            if sum(end - start + 1 for start, end, *_ in told) != 16_384:
                return False
            if {named[1] for entry in told for named in entry[2:]} != everyone:
                return False
            if node.redis.info("replication").get("master_link_status", "up") != "up":
                return False
        return True

    def _knows(self, node: LocalNode, number: int) -> bool:
        return f"cluster_known_nodes:{number}\r" in self._info(node)

    def _info(self, node: LocalNode) -> str:
        return str(node.redis.execute_command("CLUSTER", "INFO").decode())

    def flush(self) -> None:
        """Delete all that it holds."""
        for node in self.nodes:
            if node.redis.info("replication")["role"] == "master":
                node.redis.flushall()

    def close(self) -> None:
        """Kill all nodes."""
        for node in self.nodes:
            node.kill()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster that tests share."""
    cluster = LocalCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


def until(true: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "the cluster does not get there in time"
        time.sleep(0.02)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
