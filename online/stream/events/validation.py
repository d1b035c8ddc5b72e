"""Events as a source's columns, and what its definition refuses of them.

What a column takes is said in ``slate.coercion``, and what its values must meet in
``slate.refusals``: landing files are judged by the same rules, and in the same words. The arrival
is the store's to say: what an event says of it is ignored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from slate.coercion import of_column, of_values
from slate.errors import DataError, nearest
from slate.identifiers import longer
from slate.kinds import Kind
from slate.refusals import MISSING, mistyped, rules
from slate.sources import Source
from slate.times import Mask


@dataclass(frozen=True)
class CoercedEvents:
    """A source's columns, all but the arrival, in their order.

    Attributes:
        rows: how many events there are.
        columns: each of its type; null where an event has no value, or a wrong one.
        wrong: of the columns with values of the wrong type, which events have one.
    """

    rows: int
    columns: dict[str, pa.Array]
    wrong: dict[str, Mask]


def written_columns(source: type[Source]) -> dict[str, Kind]:
    """The columns that an event brings along: all but the arrival."""
    return {c.name: c.kind for c in source.columns.values() if c.name != source.arrival_time}


def check_names(source: type[Source], names: Iterable[Any]) -> None:
    """Refuse columns that a source does not have, and those that are there twice.

    Raises:
        DataError: naming one of them, with the nearest right name.
    """
    names = list(names)
    if len(set(names)) < len(names):
        raise DataError(
            f"events of {source.__name__} have a column twice: {', '.join(map(str, names))}"
        )
    unknown = [name for name in names if name not in source.columns]
    if unknown:
        name = str(unknown[0])
        # As `slate init` names a column whose own name definitions cannot have.
        here = longer(source.name, name)
        hint = (
            f"{name!r} of the file is {here!r} here"
            if here in source.columns
            else nearest(name, source.columns)
        )
        raise DataError(
            f"{source.__name__} has no column {unknown[0]!r}, {hint}; none of these events is "
            "written"
        )


def coerce_events(source: type[Source], events: Sequence[Mapping[str, Any]]) -> CoercedEvents:
    """Events as Python has them; a column that an event does not name is null.

    Raises:
        DataError: an event is not a mapping, or names a column that the source does not have.
    """
    for event in events:
        if not isinstance(event, Mapping):
            raise DataError(
                f"an event of {source.__name__} is a mapping of its columns, and {event!r} is not"
            )
    check_names(source, dict.fromkeys(name for event in events for name in event))
    found = {
        name: of_values(kind, [event.get(name) for event in events])
        for name, kind in written_columns(source).items()
    }
    return _coerced_events(len(events), found)


def coerce_batch(source: type[Source], batch: pa.RecordBatch) -> CoercedEvents:
    """Events as Arrow has them; a column that is not there is null, one too many is skipped."""
    rows = batch.num_rows
    given = dict(zip(batch.schema.names, batch.columns, strict=True))
    found = {
        name: of_column(kind, given[name]) if name in given else (pa.nulls(rows, kind.arrow), None)
        for name, kind in written_columns(source).items()
    }
    return _coerced_events(rows, found)


def _coerced_events(rows: int, found: dict[str, tuple[pa.Array, Mask | None]]) -> CoercedEvents:
    wrong = {name: mask for name, (_, mask) in found.items() if mask is not None}
    return CoercedEvents(rows, {name: column for name, (column, _) in found.items()}, wrong)


def refusals(source: type[Source], events: CoercedEvents) -> dict[int, str]:
    """Why events are refused, by their position; those that are not there are good.

    Several reasons are joined by ``; ``.
    """
    found: dict[int, list[str]] = {}

    def add(mask: Mask, name: str, reason: str) -> None:
        for row in np.flatnonzero(mask).tolist():
            found.setdefault(row, []).append(f"{name}: {reason}")

    for name, kind in written_columns(source).items():
        column, wrong = events.columns[name], events.wrong.get(name)
        if column.null_count and not source.columns[name].nullable:
            missing = np.asarray(column.is_null())
            add(missing if wrong is None else missing & ~wrong, name, MISSING)
        if wrong is not None:
            add(wrong, name, mistyped(kind))
        for rule in rules(source, name):
            broken = rule.broken(column)
            if broken.true_count:
                add(np.asarray(broken.fill_null(False)), name, rule.reason)
    return {row: "; ".join(found[row]) for row in sorted(found)}
