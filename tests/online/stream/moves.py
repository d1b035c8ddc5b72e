"""Moves of bikes, as applications write them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from slate.online.rows.event_ids import hash_ids
from slate.online.rows.instants import microseconds as us
from slate.online.stream.events.block_schemas import block_schema, digest
from slate.online.stream.events.redis_entries import Entry
from slate.online.stream.events.validation import coerce_events
from slate.sources import Source
from tests.deployments.bikes.definitions import Move

__all__ = ["NOON", "block", "entry", "former_schema", "move", "us"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def move(number: int, **given: Any) -> dict[str, Any]:
    event = {
        "move_id": number,
        "moved_at": NOON,
        "station_id": number % 50,
        "bike_id": number % 700,
        "rider_id": f"rider {number % 99}",
        "kind": "take",
        "electric": True,
        "locked": None,
        "minutes": 1.5,
        "metres": 3,
        "free_docks": 3,
        "celsius": -0.5,
        "booked_for": None,
        "note": "a note",
    }
    return {**event, **given}


def former_schema(source: type[Source] = Move) -> pa.Schema:
    """The schema of blocks that an older definition's writer wrote, with the same columns."""
    return block_schema(source).with_metadata({"rules": "other ones"})


def block(events: list[dict[str, Any]], source: type[Source] = Move) -> bytes:
    """Events as a block, whatever their source's definition says of their values."""
    typed = coerce_events(source, events)
    ids = hash_ids(typed.columns[source.unique_id])
    columns = [*typed.columns.values(), ids]
    batch = pa.RecordBatch.from_arrays(columns, schema=former_schema(source))
    return bytes(batch.serialize().to_pybytes())


def entry(events: list[dict[str, Any]], arrival: int, **given: bytes | None) -> Entry:
    """Events as an entry that an older definition's writer wrote; what is given may be wrong."""
    fields: Mapping[str, bytes | None] = {
        "a": b"%d" % arrival,
        "n": b"%d" % len(events),
        "s": digest(former_schema()).encode(),
        "b": block(events),
        **given,
    }
    return b"1-1", {name.encode(): value for name, value in fields.items() if value is not None}
