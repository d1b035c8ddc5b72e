"""A request's part in an experiment: its unit, the arm that it has, and what that ranks by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from slate.online.http.bodies import LookupRequest
from slate.online.serving.answer import Answer
from slate.online.serving.answer_log import new_request_id
from slate.online.serving.exposures import Exposure, unit_of
from slate.plans import Plan
from slate.rankings import Arm, Experiment, Order, Ranking
from slate.services import FeatureService


@dataclass(frozen=True)
class ExperimentPart:
    """A request's part in an experiment.

    Attributes:
        experiment: the experiment.
        unit: the request's unit.
        arm: the unit's arm; None if it is in none.
    """

    experiment: Experiment
    unit: Any
    arm: Arm | None

    @classmethod
    def of(
        cls, experiment: Experiment, service: FeatureService, brought: Mapping[str, Any]
    ) -> Self:
        """The part of a request.

        Raises:
            RequestError: it names no unit, or several.
        """
        unit = unit_of(experiment, service, brought)
        return cls(experiment, unit, experiment.arm(unit))

    @property
    def ranking(self) -> Ranking:
        """What ranks for the unit."""
        return self.experiment.ranking if self.arm is None else self.arm.ranking

    def asked(self, asked: LookupRequest, plans: Iterable[Plan], plan: Plan) -> LookupRequest:
        """What is asked of the arm's service: without the inputs that only other arms' take.

        Args:
            asked: what the request brings.
            plans: of all services of the experiment.
            plan: that of the arm's.
        """
        others = {feature.column for one in plans for feature in one.inputs}
        others -= {feature.column for feature in plan.inputs}
        given = {name: value for name, value in asked.given.items() if name not in others}
        return replace(asked, given=given)

    def exposure(self, plan: Plan, answer: Answer, order: Order, most: int) -> Exposure | None:
        """What is logged of an answer; None if the unit has no arm, and is none of the experiment.

        An answer to a request without an id is given one: it was shown all the same.

        Args:
            plan: of the arm's service.
            answer: the features that were ranked by.
            order: the order of its rows.
            most: how many of them are told.
        """
        if self.arm is None:
            return None
        answer.request_id = answer.request_id or new_request_id()
        rows = order.rows[:most]
        return Exposure(
            self.experiment, self.arm, self.unit, plan.service, answer, rows, order.model
        )

    @staticmethod
    def told(part: "ExperimentPart | None") -> dict[str, str | None]:
        """What an answer tells of it: null of the unit that is in no arm, and of no experiment."""
        if part is None or part.arm is None:
            return {"experiment": None, "arm": None}
        return {"experiment": part.experiment.name, "arm": part.arm.name}
