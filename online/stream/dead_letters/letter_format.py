"""Dead letters as entries of their stream.

::

    reason    why it is one
    arrival   when it arrived, in microseconds
    event     the event, as JSON                    one of these two
    raw       the block of an entry, in base64
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from slate.online.rows.instants import instant
from slate.online.stream.events.block_schemas import ID
from slate.online.stream.events.blocks import Refusal
from slate.online.stream.events.json_events import json_rows
from slate.sources import Source
from slate.times import Mask
from slate.windows import duration_name

# What the reason of a late event begins with.
LATE = "late: "


def fields(refusal: Refusal) -> dict[Any, Any]:
    """A refusal as the fields of an entry."""
    found: dict[Any, Any] = {"reason": refusal.reason, "arrival": refusal.arrival}
    if refusal.event is not None:
        found["event"] = json.dumps(refusal.event)
    elif refusal.raw is not None:
        found["raw"] = b64encode(refusal.raw)
    return found


def as_json(source: type[Source], id_: str, refusal: Refusal) -> dict[str, Any]:
    """A letter as it is printed, and as it lies in files."""
    found: dict[str, Any] = {
        "source": source.name,
        "id": id_,
        "arrived": instant(refusal.arrival).isoformat() if refusal.arrival else None,
        "reason": refusal.reason,
        "kept": kept(refusal) or None,
        "event": refusal.event,
    }
    if refusal.raw is not None:
        found["raw"] = b64encode(refusal.raw).decode()
    return found


def kept(refusal: Refusal) -> str:
    """Why a letter cannot be written again; empty if it can."""
    if refusal.reason.startswith(LATE):
        return "it came too late to be applied, and the archive has it for the warehouse"
    return "it is not an event that can be read" if refusal.event is None else ""


def refusal(found: Mapping[bytes, bytes]) -> Refusal:
    """The fields of an entry as the refusal that they tell of."""
    event, raw = found.get(b"event"), found.get(b"raw")
    return Refusal(
        found.get(b"reason", b"").decode(errors="replace"),
        int(found.get(b"arrival", b"0")),
        None if event is None else json.loads(event),
        None if raw is None else b64decode(raw),
    )


def late_refusals(source: type[Source], events: pa.Table, late: Mask) -> Iterator[Refusal]:
    """The events that came too late to be applied, and by how much."""
    if not late.any():
        return
    rows = events.filter(pa.array(late)).drop_columns([ID])
    happened, arrived = (
        np.asarray(rows.column(name).cast(pa.int64())).tolist()
        for name in (source.event_time, source.arrival_time)
    )
    horizon = duration_name(source.horizon)
    written = json_rows(rows.drop_columns([source.arrival_time]))
    for event, then, arrival in zip(written, happened, arrived, strict=True):
        age = timedelta(microseconds=arrival - then)
        reason = f"{LATE}it arrived {age} after it happened, and {horizon} is the most"
        yield Refusal(reason, arrival, event)
