"""What modules written by ``slate stubs`` are made of."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from slate.online.remote.client import AsyncRemoteClient, RemoteClient
from slate.online.serving.answer import Answer
from slate.online.serving.client import AsyncFeatureClient, FeatureClient
from slate.online.serving.given_values import Moment

T = TypeVar("T")


class Series(Protocol):
    """A series of pandas or Polars."""

    def to_list(self) -> list[Any]:
        """Its values."""


class ArrowColumn(Protocol):
    """A column of Arrow."""

    def to_pylist(self) -> list[Any]:
        """Its values."""


# One value for all rows, or one for each.
Given: TypeAlias = T | Sequence[T] | np.ndarray[Any, Any] | Series | ArrowColumn
Client: TypeAlias = FeatureClient | RemoteClient
AsyncClient: TypeAlias = AsyncFeatureClient | AsyncRemoteClient

Integers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Times: TypeAlias = np.ndarray[Any, np.dtype[np.datetime64]]
Texts: TypeAlias = np.ndarray[Any, np.dtypes.StringDType]

__all__ = [
    "Answer",
    "AsyncClient",
    "Booleans",
    "Client",
    "Floats",
    "Given",
    "Integers",
    "Moment",
    "Texts",
    "Times",
    "told",
]


def told(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a request is told: what was left out is left out."""
    return {name: value for name, value in given.items() if value is not None}
