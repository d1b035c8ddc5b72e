"""The ranked feed: the features of candidates, the promoted model, and the best of them.

Shows that are live come before all that are not, by the model's probability of a tap; one place is
for exploration.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from live_shopping.model.exploration import LIVE, explored
from live_shopping.model.registry import Model, feed_models, load, promoted_version
from live_shopping.model.training import scores
from slate import Array
from slate.deployment import Deployment
from slate.errors import DataError
from slate.rankings import Features

LOOK_SECONDS = 1.0
"""How often it is looked for another model that is promoted."""


@dataclass(frozen=True)
class Ranked:
    """Candidates in their order.

    Attributes:
        order: the rows of the answer, the best first, of shape (rows,).
        scores: of each row of the answer, the probability of a tap.
        explored: the row that was moved to the place of exploration; None where none was.
        model: the version of the model.
        seconds: what the stages took: `model` and `order`.
    """

    order: Array
    scores: Array
    explored: int | None
    model: int
    seconds: Mapping[str, float]


class Ranker:
    """Ranks by the model that is promoted, and follows another one that is.

    Args:
        folder: the folder of models.

    Raises:
        DataError: no model is promoted, or it cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._model = self._promoted()
        self._looked = time.monotonic()

    @property
    def model(self) -> Model:
        """The model that ranks now."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            version = promoted_version(self._folder)
            if version not in (None, self._model.facts.version):
                self._model = self._promoted()
            # Only now: one that cannot be read is told of by each request, until it is mended.
            self._looked = time.monotonic()
        return self._model

    def _promoted(self) -> Model:
        version = promoted_version(self._folder)
        if version is None:
            raise DataError(
                f"{self._folder} has no promoted model: `slate run` trains one, once enough "
                "impressions have landed"
            )
        return load(self._folder, version)

    def rank(self, answer: Features, request_id: str = "") -> Ranked:
        """Rank the rows of an answer.

        Args:
            answer: the features of the candidates.
            request_id: what the request is known by; without one nothing is explored.
        """
        model, began = self.model, time.perf_counter()
        worth = scores(model.classifier, answer.matrix(names=model.facts.features))
        scored = time.perf_counter()
        live = answer[LIVE].astype(np.bool_)
        order, moved = explored(answer, np.lexsort((-worth, ~live)), request_id)
        seconds = {"model": scored - began, "order": time.perf_counter() - scored}
        return Ranked(order, worth, moved, model.facts.version, seconds)


def promoted_ranker(deployment: Deployment) -> Ranker | None:
    """What ranks a deployment's feeds; None where no model is promoted yet."""
    folder = feed_models(deployment)
    return Ranker(folder) if promoted_version(folder) is not None else None
