"""Events as a source's columns, and what its definition refuses of them.

What a column takes is said in ``slate.coercion``, and what its values must meet in
``slate.refusals``: landing files are judged by the same rules, and in the same words. The arrival
is the store's to say: what an event says of it is ignored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

NOT_A_MAPPING = "not a mapping of its columns"


@dataclass(frozen=True)
class CoercedEvents:
    """A source's columns, all but the arrival, in their order.

    Attributes:
        rows: how many events there are.
        columns: each of its type; null where an event has no value, or a wrong one.
        wrong: of the columns with values of the wrong type, which events have one.
        unfit: why events do not fit into the source's columns, by their position.
    """

    rows: int
    columns: dict[str, pa.Array]
    wrong: dict[str, Mask]
    unfit: Mapping[int, str] = field(default_factory=dict)


def written_columns(source: type[Source]) -> dict[str, Kind]:
    """The columns that an event brings along: all but the arrival."""
    return {c.name: c.kind for c in source.columns.values() if c.name != source.arrival_time}


def check_names(source: type[Source], names: Sequence[str]) -> None:
    """Refuse a table with columns that a source does not have, or that are there twice.

    Raises:
        DataError: naming one of them, with the nearest right name.
    """
    if len(set(names)) < len(names):
        raise DataError(f"events of {source.__name__} have a column twice: {', '.join(names)}")
    for name in names:
        if name not in source.columns:
            raise DataError(
                f"{source.__name__} has {unknown_column(source, name)}; none of these events is "
                "written"
            )


def unknown_column(source: type[Source], name: str) -> str:
    """Why an event is refused that has a column which its source does not have."""
    # As `slate init` names a column whose own name definitions cannot have.
    here = longer(source.name, name)
    hint = (
        f"{name!r} of the file is {here!r} here"
        if here in source.columns
        else nearest(name, source.columns)
    )
    return f"no column {name!r}, {hint}"


def coerce_events(source: type[Source], events: Sequence[Mapping[str, Any]]) -> CoercedEvents:
    """Events as Python has them; a column that an event does not name is null."""
    unfit = {}
    for row, event in enumerate(events):
        if (reason := _unfit(source, event)) is not None:
            unfit[row] = reason
    given = [event if isinstance(event, Mapping) else {} for event in events] if unfit else events
    found = {
        name: of_values(kind, [event.get(name) for event in given])
        for name, kind in written_columns(source).items()
    }
    return _coerced_events(len(events), found, unfit)


def _unfit(source: type[Source], event: Any) -> str | None:
    """Why what was given as an event does not fit into its source's columns, if it does not."""
    if not isinstance(event, Mapping):
        return NOT_A_MAPPING
    if event.keys() <= source.columns.keys():
        return None
    return "; ".join(
        unknown_column(source, str(name)) for name in event if name not in source.columns
    )


def coerce_batch(source: type[Source], batch: pa.RecordBatch) -> CoercedEvents:
    """Events as Arrow has them; a column that is not there is null, one too many is skipped."""
    rows = batch.num_rows
    given = dict(zip(batch.schema.names, batch.columns, strict=True))
    found = {
        name: of_column(kind, given[name]) if name in given else (pa.nulls(rows, kind.arrow), None)
        for name, kind in written_columns(source).items()
    }
    return _coerced_events(rows, found, {})


def _coerced_events(
    rows: int, found: dict[str, tuple[pa.Array, Mask | None]], unfit: Mapping[int, str]
) -> CoercedEvents:
    wrong = {name: mask for name, (_, mask) in found.items() if mask is not None}
    columns = {name: column for name, (column, _) in found.items()}
    return CoercedEvents(rows, columns, wrong, unfit)


def refusals(source: type[Source], events: CoercedEvents) -> dict[int, str]:
    """Why events are refused, by their position; those that are not there are good.

    Several reasons are joined by ``; ``.
    """
    found = {row: [reason] for row, reason in events.unfit.items()}

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
    # What is no mapping lacks all columns, which goes without saying.
    return {
        row: NOT_A_MAPPING if NOT_A_MAPPING in found[row] else "; ".join(found[row])
        for row in sorted(found)
    }
