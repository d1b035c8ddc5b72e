"""Rankings: a service's candidates in the order that a model gives them, asked for in one call.

A deployment names a module in slate.toml, ``rankings = "my_shop.rankings"``, whose function
``rankings(deployment)`` returns what `slate serve` answers under ``/v1/rankings``, by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.expressions import Array
from slate.identifiers import is_portable
from slate.own_modules import made_by


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


class Ranking(Protocol):
    """Puts the rows of a service's answers in order.

    Attributes:
        service: the service's name with its version ("feed_ranking_v1").
    """

    @property
    def service(self) -> str: ...  # noqa: D102

    def order(self, answer: Features, request_id: str) -> Order:
        """The order of an answer's rows.

        Args:
            answer: the features of the candidates.
            request_id: what the request is known by; empty if it has no id.

        Raises:
            DataError: there is no model that could tell.
        """


def rankings(deployment: Deployment) -> Mapping[str, Ranking]:
    """The rankings of a deployment, by name; none where slate.toml names no module.

    Raises:
        ConfigurationError: the module cannot be imported or has no such function, or a ranking is
            of a service that there is not.
    """
    found: Mapping[str, Ranking] = made_by(deployment, "rankings", deployment.rankings) or {}
    for name, one in found.items():
        if not is_portable(name):
            raise ConfigurationError(
                f"{deployment.rankings}: a ranking is called {name!r}: use lower-case letters, "
                "digits and underscores, as in 'feed'"
            )
        if one.service not in deployment.registry.services:
            raise ConfigurationError(
                f"{deployment.rankings}: the ranking {name!r} is of {one.service!r}, and there is "
                f"no such service: name one of {', '.join(deployment.registry.services)}"
            )
    return found
