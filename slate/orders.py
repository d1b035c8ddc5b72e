"""What puts the rows of a service's answers in order, and the order."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from slate.expressions import Array


class Features(Protocol):
    """An answer of a service, as ``slate.online.Answer`` is."""

    def __getitem__(self, name: str) -> Array:
        """The values of a feature, of shape (rows,)."""

    def matrix(self, *, names: tuple[str, ...]) -> Array:
        """The values of features, of shape (rows, features), as float32."""


@dataclass(frozen=True)
class Order:
    """Rows of an answer in an order.

    Attributes:
        rows: the rows, the best first.
        scores: the score of each row of the answer, of shape (rows,).
        model: the version of what scored them.
        explored: those of the rows that are where they are to be tried out, not for their score.
    """

    rows: Array
    scores: Array
    model: str
    explored: frozenset[int] = frozenset()

    @classmethod
    def of_nothing(cls) -> Self:
        """The order of no rows, which no model was asked about."""
        return cls(np.empty(0, np.int64), np.empty(0), "")


class Ranking(Protocol):
    """Puts the rows of a service's answers in order.

    Attributes:
        service: the service's name with its version ("feed_ranking_v1").
    """

    @property
    def service(self) -> str: ...  # noqa: D102

    def order(self, answer: Features, request_id: str) -> Order:
        """The order of an answer's rows, of which there is one at least.

        It is called in a thread, beside which the server answers others; of one ranking that it
        has under one name, one call at a time.

        Args:
            answer: the features of the candidates.
            request_id: what the request is known by; empty if it has no id.

        Raises:
            DataError: there is no model that could tell.
        """
