"""Requests: the keys and inputs that a lookup brings, checked against its service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slate.coercion import of_values
from slate.errors import RequestError, nearest
from slate.expressions import Array, Expr
from slate.features import Input
from slate.kinds import Kind
from slate.limits import KEY_BYTES, REQUEST_ROWS, TEXT_BYTES
from slate.online.rows.keys import Keys, KeySource
from slate.online.serving.given_values import Given, given, is_null
from slate.online.serving.messages import shown
from slate.plans import Plan

# What an id of a request may be long.
REQUEST_ID_BYTES = 128
_INTEGERS = np.iinfo(np.int64)


def checked_request_id(request_id: str) -> str:
    """A request's id as it was given.

    Raises:
        RequestError: it is no text of printable ASCII, or too long.
    """
    text = isinstance(request_id, str) and request_id.isascii() and request_id.isprintable()
    if text and len(request_id) <= REQUEST_ID_BYTES:
        return request_id
    raise RequestError(
        f"request_id={shown(request_id)} is not an id: give a text of printable ASCII, of "
        f"{REQUEST_ID_BYTES} letters at most"
    )


@dataclass(frozen=True)
class Request:
    """A checked request.

    Attributes:
        rows: how many rows it asks for.
        keys: by key column; of one row where a single key was given.
        inputs: the values of the inputs, of shape (1,) or (rows,).
    """

    rows: int
    keys: dict[KeySource, Keys]
    inputs: dict[Expr, Array]

    def keys_by_row(self) -> dict[str, list[Any]]:
        """The key of each row, by key column."""
        return {name: keys.rows for name, keys in self.keys.items() if isinstance(name, str)}


class RequestForm:
    """What requests for a service may bring, and must."""

    def __init__(self, plan: Plan) -> None:
        self._service = plan.service.name
        self._keys = {
            name: kind for entity in plan.service.keys for name, kind in entity.keys.items()
        }
        self._inputs = {feature.column: feature for feature in plan.inputs}

    def read(self, brought: Mapping[str, Any], max_rows: int = REQUEST_ROWS) -> Request:
        """Check what a request brings.

        Args:
            brought: the keys and inputs; of candidates, ``Keys``.
            max_rows: how many rows may be asked for.

        Raises:
            RequestError: something is missing, unknown, of a wrong type or length, or not allowed.
        """
        for name in brought:
            if name not in self._keys and name not in self._inputs:
                known = self._keys.keys() | self._inputs.keys()
                raise RequestError(f"{self._service} has no {shown(name)}: {nearest(name, known)}")
        columns = {name: self._column(name, value) for name, value in brought.items()}
        rows = self._rows(columns, max_rows)
        keys: dict[KeySource, Keys] = {
            name: one
            if isinstance(one := brought.get(name), Keys)
            else self._key(name, kind, columns)
            for name, kind in self._keys.items()
        }
        inputs: dict[Expr, Array] = {
            feature: self._input(name, feature, columns) for name, feature in self._inputs.items()
        }
        return Request(rows, keys, inputs)

    def of_nothing(self) -> Request:
        """A request for no rows."""
        return self.read({name: [] for name in (*self._keys, *self._inputs)})

    def _column(self, name: str, value: Any) -> Given:
        if isinstance(value, Keys):
            return Given(value.values, False)
        try:
            return given(name, value)
        except RequestError as error:
            raise RequestError(f"{self._service}: {error}") from error

    def _rows(self, columns: Mapping[str, Given], max_rows: int) -> int:
        lengths = {name: len(one.values) for name, one in columns.items() if not one.single}
        if len(set(lengths.values())) > 1:
            raise RequestError(
                f"{self._service}: "
                + ", ".join(f"{name} has {length} values" for name, length in lengths.items())
                + ": give as many of each, or a single one for all rows"
            )
        rows = next(iter(lengths.values()), 1)
        if rows > max_rows:
            raise RequestError(
                f"{self._service}: {rows:,} rows in one request, and {max_rows:,} may be: ask for "
                "fewer at once, or connect with max_rows=..."
            )
        return rows

    def _key(self, name: str, kind: Kind, columns: Mapping[str, Given]) -> Keys:
        if name not in columns:
            raise RequestError(f"{self._service} needs {name}=..., a key or a list of keys")
        values = columns[name].values
        wanted = str if kind is Kind.STRING else int
        if columns[name].types - {wanted}:
            values = self._coerced_keys(name, kind, values)
        if kind is Kind.STRING:
            self._check_texts(name, values, KEY_BYTES)
        elif values and not (_INTEGERS.min <= min(values) and max(values) <= _INTEGERS.max):
            raise self._too_large(name)
        return Keys.of(values)

    def _coerced_keys(self, name: str, kind: Kind, values: list[Any]) -> list[Any]:
        """Keys of other types as the same keys of an event are taken; see ``slate.coercion``."""
        for value in filter(is_null, values):
            raise RequestError(
                f"{self._service}: {name} is null ({shown(value)}): leave rows without a key out"
            )
        column, wrong = of_values(kind, values)
        if wrong is not None:
            value = values[int(wrong.argmax())]
            if kind is Kind.INTEGER and type(value) is int:
                raise self._too_large(name)
            raise self._wrong(name, kind, value)
        keys: list[Any] = column.to_pylist()
        return keys

    def _too_large(self, name: str) -> RequestError:
        return RequestError(f"{self._service}: {name} holds a key of more than 64 bits")

    def _input(self, name: str, feature: Input, columns: Mapping[str, Given]) -> Array:
        if name not in columns:
            if feature.required:
                raise RequestError(
                    f"{self._service} needs {name}=..., a {feature.kind.value} or a list of such"
                )
            return feature.kind.array([feature.default])
        values = columns[name].values
        if any(map(is_null, values)):
            if feature.required:
                raise RequestError(
                    f"{self._service}: {name} is null, and has no default: give a "
                    f"{feature.kind.value} for each row"
                )
            values = [feature.default if is_null(value) else value for value in values]
        for value in values:
            if not feature.kind.accepts(value):
                raise self._wrong(name, feature.kind, value)
        one_of = feature.constraints.one_of
        if one_of is not None and not set(values) <= set(one_of):
            wrong = next(value for value in values if value not in one_of)
            raise RequestError(
                f"{self._service}: {name} is one of {', '.join(map(repr, one_of))}, not "
                f"{shown(wrong)}"
            )
        if feature.kind is Kind.STRING:
            self._check_texts(name, values, TEXT_BYTES)
        try:
            return feature.kind.array(values)
        except OverflowError as error:
            raise RequestError(f"{self._service}: {name} is too large: {error}") from error

    def _check_texts(self, name: str, values: list[str], limit: int) -> None:
        try:
            "".join(values).encode()
        except UnicodeEncodeError as error:
            raise RequestError(f"{self._service}: {name} is not text: {error.reason}") from error
        # No character has more than 4 bytes.
        if max(map(len, values), default=0) * 4 <= limit:
            return
        longest = max(len(value.encode()) for value in values)
        if longest > limit:
            raise RequestError(
                f"{self._service}: {name} has {longest:,} bytes, and {limit:,} may be"
            )

    def _wrong(self, name: str, kind: Kind, value: Any) -> RequestError:
        article = "an" if kind is Kind.INTEGER else "a"
        return RequestError(
            f"{self._service}: {name} is {article} {kind.value}, not the {type(value).__name__} "
            f"{shown(value)}"
        )
