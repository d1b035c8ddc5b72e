"""Letting other processes read the near views of this one: what they find, and where.

Each view has a header (``memory.HEADER``) and, where arrays take the place of others, a new
description: the generation, and in which files the arrays lie. Keys are only added, to the end of a
file of JSON.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slate.expressions import Expr
from slate.features import Aggregated, Feature
from slate.kinds import Kind
from slate.online.near.decoded_columns import WindowColumns
from slate.online.near.kept_view import KeptView
from slate.online.near.memory import SharedMemory
from slate.online.near.slots import Slots
from slate.online.near.tick_tables import is_bounded
from slate.views import FeatureView


def can_be_shared(view: type[FeatureView]) -> bool:
    """Whether all values of a view are numbers in tables, which processes can share."""
    return view.windowed and all(
        feature.kind is not Kind.STRING
        and not is_bounded(view, feature)
        and isinstance(feature, Aggregated)
        and feature.measure.length is None
        for feature in view.features.values()
    )


def description_path(folder: Path, view: str, version: int) -> Path:
    """The file of a view's description."""
    return folder / f"{view}.{version}.json"


class Sharing:
    """What a process that keeps near views shows to others.

    Args:
        folder: where it is shown. What another process showed there before is forgotten.

    Attributes:
        memory: where the views have to lie.
    """

    def __init__(self, folder: Path) -> None:
        self.memory = SharedMemory(folder)
        for path in [*folder.glob("*.array"), *folder.glob("*.keys"), *folder.glob("*.json")]:
            path.unlink()
        self._folder = folder
        # Of each view what is shown, which is held for as long as it is.
        self._shown: dict[str, tuple[Any, ...]] = {}
        self._keys: dict[str, _KeyFile] = {}

    def show(self, kept: KeptView) -> None:
        """Show how a view is now.

        Args:
            kept: a view that lies in ``memory``.
        """
        name, held = kept.view.name, kept.held
        parts: tuple[Any, ...] = (kept.live, kept.refused, held)
        if held is not None:
            assert isinstance(held.columns, WindowColumns)
            tables = held.columns.tables
            parts += (
                tables.event_ts,
                *(table for ticks in tables.ticks.values() for table in ticks.values()),
            )
        shown = self._shown.get(name)
        anew = shown is None or list(map(id, shown)) != list(map(id, parts))
        header = self.memory.header(name)
        version = int(header.numbers["version"][0])
        if anew:
            described = json.dumps(self._described(kept))
            description_path(self._folder, name, version + 1).write_text(described)
        with header:
            numbers = header.numbers[0]
            numbers["version"] = version + anew
            numbers["synced"] = kept.synced
            numbers["known_until"] = 0 if kept.live is None else kept.live.known_until
            if held is not None:
                keys = self._keys[name]
                keys.add(held.rows.slots)
                numbers["keys"], numbers["key_bytes"] = keys.number, keys.size
        if anew:
            description_path(self._folder, name, version).unlink(missing_ok=True)
            self._shown[name] = parts

    def _described(self, kept: KeptView) -> dict[str, Any]:
        described: dict[str, Any] = {
            "live": asdict(kept.live) if kept.live else None,
            "refused": kept.refused,
        }
        if kept.held is None:
            return described
        rows, columns, name = kept.held.rows, kept.held.columns, kept.view.name
        assert isinstance(columns, WindowColumns)
        if name not in self._keys or self._keys[name].slots is not rows.slots:
            if name in self._keys:
                self._keys[name].path.unlink()
            self._keys[name] = _KeyFile(rows.slots, self._folder / self.memory.name("keys"))
        place = self.memory.described
        return described | {
            "held": asdict(rows.live),
            "capacity": kept.held.capacity,
            "keys": self._keys[name].path.name,
            "hour": place(rows.hour),
            "event": place(rows.event),
            "lost": place(rows.lost),
            "latest": place(rows.latest),
            "event_ts": place(columns.tables.event_ts),
            "ticks": [
                {
                    "hop": hop,
                    "tick": tick,
                    "parts": [
                        {"table": place(array), "features": _columns(features)}
                        for array, features in table.parts
                    ],
                }
                for hop, ticks in columns.tables.ticks.items()
                for tick, table in ticks.items()
            ],
        }


def _columns(features: Sequence[Expr]) -> list[str]:
    return [feature.column for feature in features if isinstance(feature, Feature)]


class _KeyFile:
    """The keys of a generation in a file, in the order of their slots, each with a comma behind."""

    def __init__(self, slots: Slots, path: Path) -> None:
        self.slots, self.path = slots, path
        self.number, self.size = 0, 0
        self.path.touch(0o600)

    def add(self, slots: Slots) -> None:
        """Add the keys that are not there yet."""
        if len(slots) == self.number:
            return
        keys = list(slots)[self.number :]
        data = (json.dumps(keys, ensure_ascii=False)[1:-1] + ",").encode()
        with self.path.open("ab") as file:
            file.write(data)
        self.number, self.size = len(slots), self.size + len(data)
