"""What puts the rows of a service's answers in order, and the order."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from slate.errors import DataError
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

    def require_of(self, rows: int) -> None:
        """Refuse what is no order of an answer.

        Args:
            rows: how many rows the answer has.

        Raises:
            DataError: saying what is wrong.
        """
        order, scores = self.rows, self.scores
        if not (isinstance(order, np.ndarray) and isinstance(scores, np.ndarray)):
            raise DataError("its rows and its scores have to be arrays of NumPy")
        if order.ndim != 1 or (order.size and order.dtype.kind not in "iu"):
            raise DataError(f"its rows are {self.rows!r}: give places of rows, a whole number each")
        if order.size and not 0 <= order.min() <= order.max() < rows:
            raise DataError(f"its rows reach from {order.min()} to {order.max()}, of {rows:,} rows")
        if order.size and np.bincount(order).max() > 1:
            raise DataError("some of its rows are there twice")
        if scores.shape != (rows,) or scores.dtype.kind not in "iufb":
            raise DataError(
                f"its scores are {scores.dtype} of shape {scores.shape}: give a number for each of "
                f"the answer's {rows:,} rows, in their own order"
            )
        if not isinstance(self.model, str):
            raise DataError(f"its model is {self.model!r}: give the version as text")


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
