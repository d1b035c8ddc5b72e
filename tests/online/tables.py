"""Events as the Arrow tables that the warehouse publishes, by plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any

import pyarrow as pa

from slate.aggregates import Measure, TileColumn
from slate.kinds import Kind
from slate.online import Rows
from slate.views import FeatureView
from tests.parity.aggregates import meets

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = 1_000_000
Event = dict[str, Any]


def us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def counted(measure: Measure, events: Iterable[Event]) -> list[Event]:
    """The events that take part in an aggregate, in order of time."""
    found = [
        event
        for event in events
        if meets(measure.where, event)
        and (measure.column is None or event[measure.column] is not None)
    ]
    return sorted(found, key=lambda event: (event["event_ts"], event["received_at"], event["id"]))


def partial(measure: Measure, part: TileColumn, events: list[Event]) -> Any:
    """A column of a tile, null where it has nothing to say."""
    values: list[Any] = (
        [event[measure.column or ""] for event in events] if measure.column else events
    )
    if part.suffix == "n":
        return len(values)
    if not values:
        return None
    if part.suffix in ("min", "max"):
        return min(values) if part.suffix == "min" else max(values)
    if part.suffix == "sum":
        return fsum(values)
    if part.suffix in ("upper", "lower"):
        return sum(divmod(value, 2**32)[part.suffix == "lower"] for value in values)
    mean = fsum(values) / len(values)
    return mean if part.suffix == "mean" else fsum((value - mean) ** 2 for value in values)


def attribute_rows(view: type[FeatureView], rows: Sequence[dict[str, Any]]) -> Rows:
    """Rows of an attribute view; what a row does not give is null."""
    kinds = {
        **view.entity.keys,
        "event_ts": Kind.TIME,
        **{name: feature.kind for name, feature in view.features.items()},
    }
    return Rows(
        pa.table(
            {
                name: pa.array([row.get(name) for row in rows], kind.arrow)
                for name, kind in kinds.items()
            }
        )
    )


def window_rows(view: type[FeatureView], events: Iterable[Event]) -> Rows:
    """Rows of a windowed view: its keys in their order, and the tiles of all sizes.

    Events with an odd number are taken to have arrived apart, so that a tile may come in two parts.
    """
    by_key: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for event in events:
        by_key[tuple(event[key] for key in view.entity.keys)].append(event)
    keys = sorted(by_key)
    heads: dict[str, Any] = {
        name: pa.array([key[place] for key in keys], kind.arrow)
        for place, (name, kind) in enumerate(view.entity.keys.items())
    }
    latest = [max(event["event_ts"] for event in by_key[key]) for key in keys]
    heads["event_ts"] = pa.array(latest, pa.timestamp("us", tz="UTC"))
    tiles: dict[tuple[int, int, int, int], list[Event]] = defaultdict(list)
    for row, key in enumerate(keys):
        for event in by_key[key]:
            for level in view.levels:
                part = event["number"] % 2
                tiles[row, level, us(event["event_ts"]) // level, part].append(event)
    columns: dict[str, Any] = {
        "row": [row for row, *_ in sorted(tiles)],
        "hop": [level // SECOND for _, level, *_ in sorted(tiles)],
        "tile": [tile for _, _, tile, _ in sorted(tiles)],
    }
    columns = {name: pa.array(values, pa.int64()) for name, values in columns.items()}
    for measure in view.measures.values():
        for part in measure.columns:
            name = measure.tile_column(part.suffix)
            if measure.lasting:
                lasts = [_latest(measure, by_key[key]) for key in keys]
                heads[name] = pa.array(lasts, _latest_type(part))
            else:
                values = [
                    partial(measure, part, counted(measure, tiles[tile])) for tile in sorted(tiles)
                ]
                columns[name] = pa.array(values, part.kind.arrow)
    return Rows(pa.table(heads), pa.table(columns))


def _latest(measure: Measure, events: list[Event]) -> Any:
    """The latest event, or a list of the latest; null where there is none."""
    found = [
        {
            "event_ts": event["event_ts"],
            "received_at": event["received_at"],
            "id": event["id"],
            "value": event[measure.column or ""],
        }
        for event in reversed(counted(measure, events))
    ]
    if measure.length is None:
        return next(iter(found), None)
    return found[: measure.length] or None


def _latest_type(part: TileColumn) -> pa.DataType:
    time = pa.timestamp("us", tz="UTC")
    fields = [("event_ts", time), ("received_at", time), ("id", pa.string())]
    event = pa.struct([*fields, ("value", part.kind.arrow)])
    return event if part.length is None else pa.list_(event)
