"""The slots of a cluster: in which of them a name lies, and which node has which."""

from binascii import crc_hqx
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot

from slate.online.rows.keys import Keys
from slate.online.rows.row_format import Words
from slate.online.store.addresses import Node
from slate.online.store.commands import row_names


def slot(name: str | bytes) -> int:
    """The slot in which a name lies.

    Examples:
        >>> slot("a:{b}") == slot("c:{b}") == slot("b")
        True
    """
    return key_slot(name.encode() if isinstance(name, str) else name)


def slots(prefix: str | None, keys: Keys) -> Words:
    """The slot of each of some rows: that of its key, which stands in braces."""
    texts = keys.texts
    if prefix is None or "{" in prefix or not all(texts) or any("}" in text for text in texts):
        return np.array([slot(name) for name in row_names(prefix, keys)], np.int64)
    return np.array([crc_hqx(text.encode(), 0) for text in texts], np.int64) % SLOTS


@dataclass(frozen=True)
class SlotMap:
    """Which node has which slots.

    Attributes:
        nodes: the nodes that have slots.
        owner: of each slot, the position of its node among these; -1 where none has it.
        replicas: of each node, the others that hold a copy of what it has.
    """

    nodes: Sequence[Node]
    owner: Words
    replicas: Mapping[Node, Sequence[Node]] = field(default_factory=dict)

    @classmethod
    def of(cls, reply: Sequence[Any], asked: Node) -> "SlotMap":
        """What a node tells by CLUSTER SLOTS.

        Args:
            reply: its reply.
            asked: the node; one that does not know its own host is meant where none is named.
        """
        found: dict[Node, int] = {}
        replicas: dict[Node, Sequence[Node]] = {}
        owner = np.full(SLOTS, -1, np.int64)
        for first, last, *told in reply:
            node, *others = [
                Node(host.decode() if host else asked.host, int(port)) for host, port, *_ in told
            ]
            owner[first : last + 1] = found.setdefault(node, len(found))
            replicas[node] = others
        return cls(list(found), owner, replicas)

    def node(self, slot: int) -> Node | None:
        """The node that has a slot."""
        place = int(self.owner[slot])
        return None if place < 0 else self.nodes[place]
