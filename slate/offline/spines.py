"""Spines: what the rows of a frame ask, checked against a service."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import new_class
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.coercion import Form, form_of_type, of_column
from slate.errors import RequestError
from slate.features import Input
from slate.fields import arrival_time, event_time, unique_id
from slate.kinds import Kind
from slate.limits import KEY_BYTES, TEXT_BYTES, too_long
from slate.offline.frames import FrameRows
from slate.plans import Plan
from slate.services import FeatureService
from slate.sources import Source

# The columns of the table that a frame's keys and instants are put into.
TABLE, ROW, INSTANT = "slate_spine", "slate_row", "slate_instant"

# What is taken as it is: as requests do, a key or an input is not guessed from something else.
_FORMS = {
    Kind.STRING: {Form.TEXT},
    Kind.INTEGER: {Form.WHOLE},
    Kind.FLOAT: {Form.FLOAT, Form.WHOLE, Form.DECIMAL},
    Kind.BOOLEAN: {Form.TRUTH},
    Kind.TIME: {Form.INSTANT, Form.DATE, Form.TEXT},
}
_SHOWN = 5


@dataclass(frozen=True)
class Spine:
    """What the rows of a frame ask.

    Attributes:
        instants: of each row, UTC.
        keys: each of the service's key columns; null where a row has no key.
        inputs: the values of each input, by its full name; its default where a row has none.
    """

    instants: pa.Array
    keys: dict[str, pa.Array]
    inputs: dict[str, pa.Array]

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.instants)

    def parts(self, most: int) -> Iterator["Spine"]:
        """The same, so many rows at a time; of no rows, one part that has none."""
        for start in range(0, max(self.size, 1), most):
            rows = slice(start, start + most)
            keys, inputs = (
                {name: column[rows] for name, column in columns.items()}
                for columns in (self.keys, self.inputs)
            )
            yield Spine(self.instants[rows], keys, inputs)

    def table(self) -> pa.Table:
        """Keys and instants, as the warehouse is asked about them."""
        instants = self.instants.cast(pa.timestamp("us"))
        return pa.table({**self.keys, INSTANT: instants, ROW: pa.array(np.arange(self.size))})


def spine_source(keys: Mapping[str, Kind], inputs: Iterable[Input]) -> type[Source]:
    """The source that a frame is: one whose rows are in the table of keys and instants."""
    types: dict[str, Any] = {name: _TYPES[kind] for name, kind in keys.items()}
    for feature in inputs:
        kind = _TYPES[feature.kind]
        types[feature.column] = kind | None if feature.kind.has_null else kind
    roles = {ROW: unique_id(), INSTANT: event_time(), "slate_arrival": arrival_time()}
    types |= {ROW: int, INSTANT: datetime, "slate_arrival": datetime}
    body = {"__annotations__": types, "model": TABLE, **roles}
    source = new_class("Frame", (Source,), exec_body=lambda namespace: namespace.update(body))
    assert issubclass(source, Source)
    return source


_TYPES: dict[Kind, type] = {
    Kind.STRING: str,
    Kind.INTEGER: int,
    Kind.FLOAT: float,
    Kind.BOOLEAN: bool,
    Kind.TIME: datetime,
}


def spine_of(plan: Plan, rows: FrameRows, at: str, first: int = 0) -> Spine:
    """What the rows of a frame ask of a service.

    Args:
        plan: the service's plan.
        rows: the frame.
        at: its column of instants.
        first: the number of its first row, for messages.

    Raises:
        RequestError: a column is missing, of a wrong type, has a value that may not be, or is
            called as a feature is.
    """
    service = plan.service
    features = {feature.name for feature in service.features}
    if taken := [name for name in rows.names if name in features]:
        raise RequestError(
            f"the frame has a column {taken[0]!r}, as the feature is called that is to stand "
            "beside it: rename or drop the column"
        )
    check = _Check(service, rows, first)
    instants = check.instants(at)
    keys = {
        name: check.keys(name, kind)
        for entity in service.keys
        for name, kind in entity.keys.items()
    }
    inputs = {feature.name: check.input(feature) for feature in plan.inputs}
    return Spine(instants, keys, inputs)


class _Check:
    def __init__(self, service: FeatureService, rows: FrameRows, first: int) -> None:
        self._service, self._rows, self._first = service.name, rows, first

    def instants(self, name: str) -> pa.Array:
        given = self._rows.column(name)
        if form_of_type(given.type) not in _FORMS[Kind.TIME] and len(given):
            if pa.types.is_null(given.type):
                raise self._error(f"{name}, the instant of each row, is null", pc.is_null(given))
            raise RequestError(
                f"{self._service}: {name} is the instant of each row, and the frame's column is "
                f"{given.type}: give times"
            )
        column, wrong = of_column(Kind.TIME, given)
        if wrong is not None:
            raise self._error(f"{name} is not an instant of the years 1 to 9999", pa.array(wrong))
        if column.null_count:
            raise self._error(f"{name}, the instant of each row, is null", column.is_null())
        return column

    def keys(self, name: str, kind: Kind) -> pa.Array:
        column = self._column(name, kind)
        if kind is Kind.STRING:
            self._check_length(name, column, KEY_BYTES)
        return column

    def input(self, feature: Input) -> pa.Array:
        name, kind = feature.column, feature.kind
        if name not in self._rows.names:
            if feature.required:
                raise RequestError(
                    f"{self._service} needs a column {name}: {kind.value}, which a request brings "
                    "with it; the frame has none"
                )
            return pa.repeat(pa.scalar(feature.default, kind.arrow), self._rows.size)
        column = self._column(name, kind)
        if column.null_count:
            if not feature.required:
                column = column.fill_null(pa.scalar(feature.default, kind.arrow))
            elif not kind.has_null:
                raise self._error(f"{name} is null, and has no default", column.is_null())
        allowed = feature.constraints.one_of
        if allowed is not None:
            wrong = pc.invert(pc.is_in(column, pa.array(allowed, kind.arrow)))
            wrong = pc.and_(wrong, column.is_valid())
            if pc.any(wrong).as_py():
                raise self._error(f"{name} is not one of {', '.join(map(repr, allowed))}", wrong)
        if kind is Kind.STRING:
            self._check_length(name, column, TEXT_BYTES)
        return column

    def _column(self, name: str, kind: Kind) -> pa.Array:
        given = self._rows.column(name)
        if pa.types.is_null(given.type):
            return pa.nulls(len(given), kind.arrow)
        form = form_of_type(given.type)
        # A frame without integers that may be null has them as floats.
        gaps = kind is Kind.INTEGER and form is Form.FLOAT and pc.any(_missing(given)).as_py()
        if form not in _FORMS[kind] and not gaps:
            article = "an" if kind is Kind.INTEGER else "a"
            raise RequestError(
                f"{self._service}: {name} is {article} {kind.value}, and the frame's column is "
                f"{given.type}: convert it first"
            )
        column, wrong = of_column(kind, given)
        if wrong is not None:
            raise self._error(f"{name} is not of type {kind.value}", pa.array(wrong))
        return column

    def _check_length(self, name: str, column: pa.Array, limit: int) -> None:
        wrong = pc.greater(pc.binary_length(column), limit)
        if pc.any(wrong).as_py():
            raise self._error(f"{name} is {too_long(limit)}", wrong)

    def _error(self, what: str, wrong: pa.Array) -> RequestError:
        where = rows_text(np.asarray(wrong.fill_null(False)), self._first)
        return RequestError(f"{self._service}: {what} in {where}")


def _missing(column: pa.Array) -> pa.Array:
    return pc.is_null(column, nan_is_null=True)


def rows_text(wrong: np.ndarray[Any, np.dtype[np.bool_]], first: int = 0) -> str:
    """The rows that something is said of, in words: how many, and which are the first.

    Args:
        wrong: which rows.
        first: the number of the first.
    """
    found = np.flatnonzero(wrong) + first
    shown = ", ".join(map(str, found[:_SHOWN].tolist()))
    if len(found) == 1:
        return f"row {shown} (counted from 0)"
    more = ", ..." if len(found) > _SHOWN else ""
    return f"{len(found):,} rows (counted from 0: {shown}{more})"
