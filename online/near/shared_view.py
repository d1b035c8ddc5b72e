"""One near view that another process of this machine keeps, read where that one shows it."""

import fcntl
import json
import mmap
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from slate.candidates import CandidateSet
from slate.expressions import Array
from slate.features import Attribute, Feature
from slate.online.near.memory import HEADER, header_path, opened
from slate.online.near.near_view import Held, NearView, Taken
from slate.online.near.sharing import description_path
from slate.online.near.slot_states import SlotStates
from slate.online.near.slots import Slots
from slate.online.near.tick_tables import TickTables
from slate.online.near.value_table import ValueTable
from slate.online.rows.keys import Keys
from slate.online.store.live_generations import Live
from slate.views import FeatureView

# How often it is tried, and after how many seconds again, while the view is being changed.
TRIES, PAUSE = 20, 0.0001


class SharedView(NearView[SlotStates, TickTables]):
    """One near view of another process.

    Where it is being changed for long, or that process died over a change, the store is asked.

    Args:
        view: the view.
        folder: where it is shown.
    """

    def __init__(self, view: type[FeatureView], folder: Path) -> None:
        super().__init__(view)
        self._folder = folder
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Hold nothing yet, and no lock of the process that this one was forked from."""
        self._process = os.getpid()
        self._guard = threading.RLock()
        self._file: int | None = None
        self._numbers: Array = np.zeros(1, HEADER)
        self._version = 0
        self._keys, self._key_bytes, self._slots = "", 0, Slots()
        self.held, self.live, self.synced, self.refused = None, None, 0.0, None

    def take(
        self,
        live: Live,
        keys: Keys,
        at: int,
        features: Sequence[Feature],
        leads: Sequence[Attribute],
    ) -> Taken | None:
        """The rows of a request; None if the store has to be asked; see ``NearView``."""
        with self._standing_still() as known:
            return super().take(live, keys, at, features, leads) if known else None

    def keys_where(self, candidates: CandidateSet, at: int, live: Live | None) -> Keys | None:
        """The keys of a set; see ``NearView``."""
        with self._standing_still() as known:
            return super().keys_where(candidates, at, live) if known else None

    def refresh(self) -> None:
        """See how it is by now."""
        with self._standing_still():
            pass

    def close(self) -> None:
        """Let go of the file, and tell nothing any more."""
        if self._process != os.getpid():
            self._begin()
        with self._guard:
            self._closed = True
            if self._file is not None:
                os.close(self._file)
            self._file = None

    @contextmanager
    def _standing_still(self) -> Iterator[bool]:
        """Let nobody change it; yields whether it is known, how it is now."""
        if self._process != os.getpid():
            self._begin()
        # A process has the lock once, for all of its threads.
        with self._guard:
            if not self._lock():
                yield False
                return
            assert self._file is not None
            try:
                yield self._found()
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _lock(self) -> bool:
        """Hold the lock with others who read; whether it could be had."""
        if self._closed or (self._file is None and not self._open()):
            return False
        assert self._file is not None
        for _ in range(TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(PAUSE)
            else:
                return True
        return False

    def _open(self) -> bool:
        """Open the header; whether there is one yet."""
        try:
            file = os.open(header_path(self._folder, self.view.name), os.O_RDONLY)
        except FileNotFoundError:
            return False
        if os.fstat(file).st_size < HEADER.itemsize:
            os.close(file)
            return False
        held = mmap.mmap(file, HEADER.itemsize, access=mmap.ACCESS_READ)
        self._file, self._numbers = file, np.frombuffer(held, HEADER, 1)
        return True

    def _found(self) -> bool:
        """Find out how it is now; whether that is known."""
        changing, version, number, size, synced, until = self._numbers[0].item()
        if changing or not version:
            return False
        try:
            if version != self._version:
                self._open_description(version)
            if self.held is not None and number > len(self._slots):
                self._read_keys(size)
        except FileNotFoundError:
            # Of a generation that gives way just now, or of a process that was killed.
            return False
        self.synced = synced
        if self.live is not None and self.live.known_until != until:
            self.live = replace(self.live, known_until=until)
        return True

    def _open_description(self, version: int) -> None:
        """Open what is described, and let it take the place of what was before.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        path = description_path(self._folder, self.view.name, version)
        described: dict[str, Any] = json.loads(path.read_text())
        live = described["live"]
        self.live = Live(**live) if live is not None else None
        self.refused = described["refused"]
        self.held = self._opened(described) if "held" in described else None
        self._version = version

    def _opened(self, described: dict[str, Any]) -> Held[SlotStates, TickTables]:
        tables = TickTables(self.view)
        tables.event_ts = opened(self._folder, described["event_ts"])
        for one in described["ticks"]:
            parts = [
                (
                    opened(self._folder, part["table"]),
                    [self.view.features[column] for column in part["features"]],
                )
                for part in one["parts"]
            ]
            tables.ticks[one["hop"]][one["tick"]] = ValueTable.of(parts)
        states = [
            opened(self._folder, described[name]) for name in ("hour", "event", "lost", "latest")
        ]
        if described["keys"] != self._keys:
            self._keys, self._key_bytes, self._slots = described["keys"], 0, Slots()
        live = Live(**described["held"])
        hour, event, lost, latest = states
        rows = SlotStates(live, nullcontext(), hour, event, lost, latest, self._slots)
        return Held(rows, tables, described["capacity"])

    def _read_keys(self, size: int) -> None:
        """Read the keys that were added since."""
        with (self._folder / self._keys).open("rb") as file:
            file.seek(self._key_bytes)
            data = file.read(size - self._key_bytes)
        self._key_bytes = size
        for key in json.loads(b"[" + data.rstrip(b",") + b"]"):
            self._slots[key] = len(self._slots) + 1
