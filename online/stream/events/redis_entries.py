"""Entries of Redis Streams, as the store gives them; their writer may have written anything."""

from collections.abc import Iterator, Mapping
from typing import Any

from slate.online.rows.hour_sections import hour_of

ARRIVAL, NUMBER, SCHEMA, BLOCK = b"a", b"n", b"s", b"b"

# An entry's id, and its fields.
Entry = tuple[bytes, Mapping[bytes, bytes]]


def by_stream(reply: Any) -> Iterator[tuple[bytes, list[Entry]]]:
    """The entries of each stream of a reply, of either version of the protocol."""
    for name, entries in reply.items() if isinstance(reply, dict) else reply or ():
        yield name, entries[0] if entries and isinstance(entries[0], list) else entries


def arrival_of(entry: Entry) -> int:
    """When an entry arrived, in microseconds; of one that does not say, when it was written."""
    try:
        return int(entry[1][ARRIVAL])
    except (KeyError, ValueError):
        return int(entry[0].split(b"-")[0]) * 1000


def of_one_hour(entries: list[Entry], most: int) -> list[Entry]:
    """As many of the first entries as are of one hour of arrival, and not too many events."""
    hour, events = hour_of(arrival_of(entries[0])), 0
    for place, entry in enumerate(entries):
        events += number(entry)
        if place and (events > most or hour_of(arrival_of(entry)) != hour):
            return entries[:place]
    return entries


def after(entry: bytes) -> str:
    """The least id after an entry's."""
    time, number = entry.decode().split("-")
    return f"{time}-{int(number) + 1}"


def earlier(one: bytes, other: bytes) -> bytes:
    """The earlier of two entries' ids.

    Examples:
        >>> earlier(b"9-1", b"10-0")
        b'9-1'
    """
    return min(one, other, key=lambda id_: tuple(map(int, id_.split(b"-"))))


def number(entry: Entry) -> int:
    """How many events an entry counts for as long as it is pending."""
    try:
        return int(entry[1][NUMBER])
    except (KeyError, ValueError):
        return 0
