"""Files of the landing area: one per source and hour of arrival."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq

from live_shopping.simulator.clock import to_datetime
from live_shopping.simulator.rows import Rows
from live_shopping.simulator.sources import SOURCES, LandingSource

FILES_AHEAD = len(SOURCES)

_REPEATED = [
    "viewer_id",
    "show_id",
    "seller_id",
    "request_id",
    "device_id",
    "address_id",
    "category",
    "kind",
    "device",
    "country",
    "language",
    "interests",
    "title",
    "status",
]
"""Columns worth a dictionary."""


def path_of(landing: Path, source: str, hour: int) -> Path:
    """Return the file of a source's rows that arrive in the hour that begins at `hour`."""
    return landing / source / f"{to_datetime(hour):%Y-%m-%d/%H}.parquet"


class Writer:
    """Writes files in a thread of its own, while the next hour is simulated.

    Args:
        landing: The directory of all sources.
    """

    def __init__(self, landing: Path) -> None:
        self._landing = landing
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._unfinished: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def write(self, source: LandingSource, hour: int, rows: Rows) -> None:
        """Hand over an hour of a source. Waits when too much has not been written yet."""
        while len(self._unfinished) > FILES_AHEAD:
            self._unfinished.popleft().result()
        self._unfinished.append(self._thread.submit(self._write, source, hour, rows))

    def finish(self) -> None:
        """Wait until all that was handed over is in the landing area."""
        while self._unfinished:
            self._unfinished.popleft().result()

    def _write(self, source: LandingSource, hour: int, rows: Rows) -> None:
        path = path_of(self._landing, source.name, hour)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.tmp")
        table = source.table(rows)
        pq.write_table(table, unfinished, compression="zstd", use_dictionary=_REPEATED)
        unfinished.replace(path)  # so that a file is complete when seen
