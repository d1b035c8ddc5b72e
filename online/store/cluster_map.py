"""What a client knows of a cluster: which node has which slots, and which nodes fail."""

import time
from collections.abc import Sequence

from slate.online.store.addresses import Node
from slate.online.store.cluster_slots import SlotMap
from slate.online.store.flows import ExchangeError

# For so many seconds a node that failed is left alone, but for one who looks whether it is back;
# and a map that is in doubt is believed.
LEFT_ALONE, BELIEVED = 0.5, 0.1


class ClusterMap:
    """What is known of a cluster; shared by all flows of a client.

    Args:
        seeds: nodes that are asked first.

    Attributes:
        slots: which node has which slots; None before the first was asked.
    """

    def __init__(self, seeds: Sequence[Node]) -> None:
        self.slots: SlotMap | None = None
        self._seeds = tuple(seeds)
        self._failed: dict[Node, tuple[float, ExchangeError]] = {}
        self._in_doubt = False
        self._read = 0.0

    @property
    def to_be_read(self) -> bool:
        """Whether the map is to be read before it is used."""
        if self.slots is None:
            return True
        return self._in_doubt and time.monotonic() - self._read >= BELIEVED

    @property
    def tellers(self) -> list[Node]:
        """The nodes that can be asked for the map, those that answer first."""
        nodes = dict.fromkeys([*(self.slots.nodes if self.slots else ()), *self._seeds])
        return sorted(nodes, key=lambda node: node in self._failed)

    def take(self, slots: SlotMap) -> None:
        """Take in a map that a node told."""
        self.slots, self._in_doubt, self._read = slots, bool(self._failed), time.monotonic()

    def doubt(self) -> None:
        """Note that the map may be of the past."""
        self._in_doubt = True

    def failed(self, node: Node, error: ExchangeError) -> None:
        """Note that a node did not answer; what befell one connection is not a sign of that."""
        self._in_doubt = True
        if error.lost:
            self._failed[node] = time.monotonic() + LEFT_ALONE, error

    def answered(self, node: Node) -> None:
        """Note that a node answered."""
        self._failed.pop(node, None)

    def left_alone(self, node: Node) -> ExchangeError | None:
        """Why a node is left alone; None if it is to be asked."""
        if node not in self._failed:
            return None
        until, error = self._failed[node]
        if time.monotonic() < until:
            return error
        # One looks whether it is back; others need not wait for it.
        self._failed[node] = time.monotonic() + LEFT_ALONE, error
        return None
