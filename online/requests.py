"""Requests: the keys and inputs that a lookup brings, checked against its service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from online.keys import Keys, KeySource
from slate.errors import RequestError, nearest
from slate.expressions import Array, Expr
from slate.features import Input
from slate.kinds import Kind
from slate.plans import Plan


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


class RequestForm:
    """What requests for a service may bring, and must."""

    def __init__(self, plan: Plan) -> None:
        self._service = plan.service.name
        self._keys = {
            name: kind for entity in plan.service.keys for name, kind in entity.keys.items()
        }
        self._inputs = {feature.column: feature for feature in plan.inputs}

    def read(self, given: Mapping[str, Any]) -> Request:
        """Check what was given.

        Raises:
            RequestError: something is missing, unknown, of a wrong type or length, or not allowed.
        """
        known = self._keys.keys() | self._inputs.keys()
        for name in given:
            if name not in known:
                raise RequestError(f"{self._service} has no {name!r}: {nearest(name, known)}")
        lengths: dict[str, int] = {}
        keys: dict[KeySource, Keys] = {
            name: self._key(name, kind, given, lengths) for name, kind in self._keys.items()
        }
        inputs: dict[Expr, Array] = {
            feature: self._input(name, feature, given, lengths)
            for name, feature in self._inputs.items()
        }
        if len(set(lengths.values())) > 1:
            raise RequestError(
                f"{self._service}: "
                + ", ".join(f"{name} has {length} values" for name, length in lengths.items())
                + ": give as many of each, or a single one for all rows"
            )
        return Request(next(iter(lengths.values()), 1), keys, inputs)

    def _key(
        self, name: str, kind: Kind, given: Mapping[str, Any], lengths: dict[str, int]
    ) -> Keys:
        if name not in given:
            raise RequestError(f"{self._service} needs {name}=..., a key or a list of keys")
        values = self._listed(name, given[name], lengths)
        wanted = str if kind is Kind.STRING else int
        if set(map(type, values)) != {wanted}:
            wrong = next(value for value in values if type(value) is not wanted)
            raise RequestError(f"{self._service}: {name} is a {kind.value}, and {wrong!r} is none")
        keys = Keys.of(values)
        if kind is Kind.STRING:
            try:
                "".join(keys.values).encode()
            except UnicodeEncodeError as error:
                raise RequestError(f"{self._service}: {name} holds no text: {error}") from error
        return keys

    def _input(
        self, name: str, feature: Input, given: Mapping[str, Any], lengths: dict[str, int]
    ) -> Array:
        if name not in given:
            if feature.required:
                raise RequestError(
                    f"{self._service} needs {name}=..., a {feature.kind.value} or a list of such"
                )
            return feature.kind.array([feature.default])
        values = self._listed(name, given[name], lengths)
        if any(map(_is_null, values)):
            if feature.required:
                raise RequestError(
                    f"{self._service}: {name} is null, and has no default: give a "
                    f"{feature.kind.value} for each row"
                )
            values = [feature.default if _is_null(value) else value for value in values]
        for value in values:
            if not feature.kind.accepts(value):
                raise RequestError(
                    f"{self._service}: {name} is a {feature.kind.value}, and {value!r} is none"
                )
        one_of = feature.constraints.one_of
        if one_of is not None and not set(values) <= set(one_of):
            wrong = next(value for value in values if value not in one_of)
            raise RequestError(
                f"{self._service}: {name} is one of {', '.join(map(repr, one_of))}, not {wrong!r}"
            )
        try:
            return feature.kind.array(values)
        except OverflowError as error:
            raise RequestError(f"{self._service}: {name} is too large: {error}") from error

    def _listed(self, name: str, value: Any, lengths: dict[str, int]) -> list[Any]:
        """The values as a list of Python's own; the length of what is no single value is noted."""
        for method in ("to_pylist", "tolist"):
            if hasattr(value, method):
                value = getattr(value, method)()
        if not isinstance(value, list | tuple):
            return [value]
        if not value:
            raise RequestError(f"{self._service}: {name} is empty: ask for at least one row")
        lengths[name] = len(value)
        if any(issubclass(type_, np.generic) for type_ in set(map(type, value))):
            return [v.item() if isinstance(v, np.generic) else v for v in value]
        return list(value)


def _is_null(value: object) -> bool:
    """Whether a value is null, in Python's words or NumPy's (NaN, NaT)."""
    return value is None or (isinstance(value, float | datetime) and value != value)
