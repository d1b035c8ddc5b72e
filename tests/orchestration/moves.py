"""Landing files of the bike-share's moves, and what the warehouse has of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from slate import Source
from slate.assets.intake import Intake, take_in
from slate.assets.landing_files import landed
from tests.deployments.bikes.definitions import Move
from tests.parity.landing import landing_table

HOUR = datetime(2026, 3, 10, 7)
AT = HOUR.replace(tzinfo=UTC)
Connection = duckdb.DuckDBPyConnection
Row = dict[str, Any]

MOVE: Row = {
    "move_id": 1, "moved_at": AT, "heard_at": AT + timedelta(minutes=59), "station_id": 1,
    "bike_id": 2, "rider_id": "r", "kind": "take", "electric": True, "locked": None,
    "minutes": 12.5, "metres": 900, "free_docks": 3, "celsius": -2.0, "booked_for": None,
    "note": "it's",
}  # fmt: skip
OFFER: Row = {
    "offer_id": "o", "offered_at": AT, "decided_at": AT, "rider_id": "r", "bike_id": 2,
    "purpose": "errand", "party": 2, "distance": 1.5, "raining": False, "leaves_at": AT,
    "taken": True,
}  # fmt: skip


def land(
    landing: Path, rows: list[Row] | pa.Table, name: str = "07", source: type[Source] = Move
) -> Path:
    """Write a landing file of the hour."""
    file = landing / source.landing / "2026-03-10" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows if isinstance(rows, pa.Table) else landing_table(source, rows), file)
    return file


def take(
    warehouse: Connection,
    landing: Path,
    source: type[Source] = Move,
    hours: Sequence[datetime] | None = None,
) -> Intake:
    """Take in the files that are there, or those of some hours."""
    found = landed(landing, source)
    return take_in(warehouse, landing, source, found.files if hours is None else found.of(hours))


def moves(count: int, start: int = 1) -> list[Row]:
    return [{**MOVE, "move_id": number} for number in range(start, start + count)]


def ids(warehouse: Connection) -> list[int]:
    found = warehouse.execute("select move_id from raw.moves order by _file, _row").fetchall()
    return [number for (number,) in found]


def refused(warehouse: Connection) -> list[tuple[Any, ...]]:
    return warehouse.execute(
        "select row, reason from raw.quarantine order by file, row nulls first"
    ).fetchall()
