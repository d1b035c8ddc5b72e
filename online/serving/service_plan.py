"""A service's plan, made ready: which keys to read in which round, and what decodes them."""

import logging
from dataclasses import dataclass
from functools import cached_property

from slate.encoded import Operand
from slate.executor import compute
from slate.expressions import Expr, leaves
from slate.failed_expressions import Failed
from slate.features import Attribute, Computed, Feature
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.keys import KeySource
from slate.online.serving.requests import RequestForm
from slate.online.serving.view_read import ViewRead
from slate.plans import Plan, Read

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """What happens in one round of a request.

    Attributes:
        leading: the reads that lead to other keys, of which the first key is known from now on, so
            that their values can be asked for.
        others: such reads that lead nowhere.
        known: the reads of which all keys are known from now on.
        leads: those of them that lead to other keys: decoded before the next round.
    """

    leading: list[ViewRead]
    others: list[ViewRead]
    known: list[ViewRead]
    leads: list[ViewRead]


class ServicePlan:
    """A service made ready to be asked.

    Attributes:
        plan: the plan.
        form: what its requests bring.
        reads: its reads.
        rounds: what happens in each round.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._told_of: set[Computed] = set()
        self.form = RequestForm(plan)
        self.reads = tuple(self._view_read(read) for read in plan.reads)
        lead = {read for read in self.reads if read.view in {one.view for one in self._leads}}
        self.rounds = [
            Round(
                [read for read in self.reads if read.fetch == number and read in lead],
                [read for read in self.reads if read.fetch == number and read not in lead],
                [read for read in self.reads if read.read.round == number],
                [read for read in self.reads if read.read.round == number and read in lead],
            )
            for number in range(len(plan.rounds))
        ]

    def _view_read(self, read: Read) -> ViewRead:
        features = tuple(feature for feature in read.features if feature in self._used)
        leads = tuple(lead for lead in self._leads if lead.view is read.view)
        return ViewRead.of(read, self._known(next(iter(read.keys.values()))), features, leads)

    @cached_property
    def _used(self) -> set[Expr]:
        """The features whose values are asked for or computed with."""
        used: set[Expr] = set(self.plan.service.features)
        return used.union(*(leaves(feature.expression) for feature in self.plan.computed))

    @cached_property
    def _leads(self) -> set[Attribute]:
        """The features that lead to other entities."""
        ways = (way for read in self.plan.reads for way in read.keys.values())
        return {way for way in ways if isinstance(way, Attribute)}

    def _known(self, source: KeySource) -> int:
        """The round in which a key is known."""
        if isinstance(source, str):
            return 0
        return 1 + next(read.round for read in self.plan.reads if read.view is source.view)

    def compute(
        self, values: dict[Expr, Operand]
    ) -> tuple[dict[Feature, Operand], list[AnswerError], dict[str, int]]:
        """Run the expressions, and take the service's features out.

        Args:
            values: the features that were read, the inputs and the instant asked about.

        Returns:
            The features; of which of them the expression fails on some rows, in words: these are
            null there; and in how many rows, by their names.
        """
        failed: dict[Computed, Failed] = {}
        compute(self.plan, values, failed)
        told, numbers = [], {}
        rows = max(map(len, values.values())) if failed else 0
        for feature, one in failed.items():
            told.append(AnswerError(one.told(feature, rows), features=[feature.name]))
            numbers[feature.name] = one.number(rows)
            if feature not in self._told_of:
                # Once: the next request may well fail alike. What was raised may tell of values,
                # and is for whoever runs this alone.
                self._told_of.add(feature)
                logger.warning("%s", told[-1], exc_info=one.reason)
        features = self.plan.service.features
        found = dict(zip(features, map(values.__getitem__, features), strict=True))
        return found, told, numbers
