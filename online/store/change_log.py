"""The log of which keys a stream has changed, for those who keep rows of the store near.

Beside each partition whose route has near views lies a short stream of entries, one for each
micro-batch that was applied, written in the transaction that changed the rows::

    <the partition's stream>:changes    before -> the position that the micro-batch was read from
                                        after  -> the one that it led to
                                        keys   -> the keys that it changed, as JSON

The entries are a chain: each begins where the one before it ended, and the last ends at the
partition's position. Whoever finds it broken, as it was cut off, or as rows were made anew, has
missed something, and reads all of the partition again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slate.online.store.channel import pairs
from slate.online.store.commands import Packed, command
from slate.online.store.stream_names import Unit

# How many entries are kept: those of some seconds under load.
KEPT = 64
START = b"0-0"

# Entries of a log: the id of each, and its fields.
Entries = list[tuple[bytes, dict[bytes, bytes]]]

_BEFORE, _AFTER, _KEYS = b"before", b"after", b"keys"


def log_name(unit: Unit) -> str:
    """The log of a partition."""
    return f"{unit.stream}:changes"


def noted(unit: Unit, before: bytes, after: bytes, keys: Iterable[bytes]) -> Packed:
    """The command that notes a micro-batch.

    Args:
        unit: the partition.
        before: its position before.
        after: its position behind.
        keys: the keys, as texts in UTF-8, whose rows of some near view were changed.
    """
    texts = json.dumps([key.decode() for key in keys], ensure_ascii=False)
    kept = ("MAXLEN", str(KEPT), "*")
    return command(
        "XADD", log_name(unit), *kept, _BEFORE, before, _AFTER, after, _KEYS, texts.encode()
    )


def broken(unit: Unit) -> Packed:
    """The command that breaks the chain: rows were changed by something else than micro-batches."""
    return command("XADD", log_name(unit), "MAXLEN", str(KEPT), "*", _BEFORE, b"", _AFTER, b"")


@dataclass
class Place:
    """How far somebody has read a partition's log.

    Attributes:
        entry: the entry up to which it is read.
        position: the position of the partition that this led to.
    """

    entry: bytes
    position: bytes

    def follow(self, entries: Entries, position: bytes) -> set[str] | None:
        """Go on to the end of the log, and give the keys that changed.

        Args:
            entries: the entries behind this place.
            position: the partition's, read at the same moment.

        Returns:
            None if the chain is broken. The place then stays where it was.
        """
        reached, keys = self.position, set[str]()
        for _, found in entries:
            if not found.get(_BEFORE) or found[_BEFORE] != reached:
                return None
            reached = found.get(_AFTER, b"")
            texts = _texts(found)
            if texts is None:
                return None
            keys.update(texts)
        if reached != position:
            return None
        self.position = reached
        if entries:
            self.entry = entries[-1][0]
        return keys


def _texts(found: dict[bytes, bytes]) -> list[str] | None:
    """The keys of an entry; None if somebody else has written it."""
    try:
        texts: Any = json.loads(found.get(_KEYS, b"[]"))
        return [str(text) for text in texts]
    except (ValueError, TypeError):
        return None


def entries_of(reply: Any) -> dict[bytes, Entries]:
    """The entries that an XREAD gives, by the log's name, of either version of the protocol."""
    logs = reply.items() if isinstance(reply, dict) else reply or ()
    return {name: [(entry, pairs(found)) for entry, found in entries] for name, entries in logs}
