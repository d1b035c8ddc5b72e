"""A real cluster on this machine: nodes of the embedded server's kind, formed by their commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.online.local_servers import LocalServer, free_ports, until

# Within these a failed node is known to have, and a replica takes its place.
NODE_TIMEOUT_MS = 600


class LocalNode(LocalServer):
    """One node.

    Args:
        folder: where it keeps its data.
    """

    def __init__(self, folder: Path) -> None:
        (self.bus,) = free_ports(1)
        settings = {
            "cluster-enabled": "yes",
            "cluster-port": self.bus,
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-require-full-coverage": "no",
            "cluster-replica-validity-factor": 0,
            "repl-diskless-sync-delay": 0,
            "repl-ping-replica-period": 1,
            "appendonly": "no",
            "save": "",
        }
        super().__init__(folder, settings)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        super().start()
        self.id = self.redis.execute_command("CLUSTER", "MYID").decode()
        self.number = int(self.redis.info("server")["process_id"])


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
            meet = ("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus)
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


# Not for a whole session: its nodes talk to each other all the time.
@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster that the tests of a module share."""
    cluster = LocalCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()
