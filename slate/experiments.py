"""Experiments: units are split into arms, each arm has its own ranking, and outcomes are compared.

::

    Experiment(
        "old_or_new",
        by="user_id",
        ranking=old,                                       # of whoever is in no arm
        arms=[Arm("control", old, share=0.1), Arm("new", new, share=0.1)],
        metrics=[
            Metric("orders", Order, within="1d"),
            Metric("spend", Order, Order.price, within="1d"),
            Metric("click_rate", Click, within="1h", per=Metric("seen", Impression, within="1h")),
        ],
    )

It stands where a ranking stands in what a deployment's ``rankings(deployment)`` returns. Which arm
a unit has follows from the names of the experiment and the unit alone: on every machine, in every
process and version, also where all shares grow by the same factor.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from slate.errors import DefinitionError
from slate.expressions import Expr
from slate.filters import check_filter, filter_sql
from slate.identifiers import check_owner, is_portable
from slate.kinds import Kind
from slate.orders import Ranking
from slate.source_columns import Column
from slate.sources import Source
from slate.windows import duration

WITHIN = "1d"
_BYTES = 8
# What a sum of decimal shares may be off from what was meant.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Metric:
    """What came of a unit: how often something happened to it, or the sum of a column.

    Attributes:
        name: its name.
        source: the events it is made of; it has a column named as the experiment's unit is.
        value: the column that is summed; without one events are counted.
        where: which events count, as of an aggregate; all without one.
        within: how long after a unit's first exposure events count. A unit is looked at once that
            time is over, so that each has had as much of it.
        per: the metric it is divided by. The quotient is that of an arm's sums, "taps an
            impression"; without one it is the mean of a unit.

    Raises:
        DefinitionError: it is wrong.
    """

    name: str
    source: type[Source]
    # For a type checker a source's columns are what they are annotated to hold.
    value: Any = None
    where: Any = None
    within: str = WITHIN
    per: "Metric | None" = None

    def __post_init__(self) -> None:
        where = f"metric {self.name!r}"
        _check_name(where, self.name)
        if not (isinstance(self.source, type) and issubclass(self.source, Source)):
            raise DefinitionError(f"{where}: {self.source!r} is not a source: give its class")
        if self.value is not None:
            if not isinstance(self.value, Column) or self.value.source is not self.source:
                raise DefinitionError(
                    f"{where}: {self.value!r} is not a column of {self.source.__name__}"
                )
            if self.value.kind in (Kind.STRING, Kind.TIME):
                raise DefinitionError(
                    f"{where}: {self.value!r} is of type {self.value.kind.value}, which cannot be "
                    "summed: give a column of numbers, or none to count events"
                )
        if self.where is not None:
            if not isinstance(self.where, Expr):
                raise DefinitionError(
                    f"{where}: where={self.where!r} is no condition on columns of "
                    f"{self.source.__name__}"
                )
            check_filter(where, self.where, self.source)
        duration(self.within, f"{where}: within")
        if self.per is not None and not isinstance(self.per, Metric):
            raise DefinitionError(
                f"{where}: per={self.per!r} is not a metric: give Metric(...), as in `per=Metric("
                "'seen', Impression)`"
            )
        if self.per is not None and self.per.per is not None:
            raise DefinitionError(
                f"{where}: it is divided by {self.per.name!r}, which is a quotient itself: divide "
                "by a metric without `per`"
            )

    @cached_property
    def within_us(self) -> int:
        """How long after a unit's first exposure events count, in microseconds."""
        return duration(self.within, self.name)

    @property
    def sql(self) -> str:
        """What is summed over a unit's events, as SQL of the source's columns."""
        value = "1" if self.value is None else f"cast({self.value.sql} as double)"
        if self.where is None:
            return value
        condition = filter_sql(f"metric {self.name!r}", self.where)
        return f"case when {condition} then {value} else 0 end"

    @property
    def parts(self) -> "tuple[Metric, ...]":
        """The sums it is made of: itself, and what it is divided by."""
        return (self,) if self.per is None else (self, self.per)


@dataclass(frozen=True)
class Arm:
    """An arm of an experiment.

    Attributes:
        name: its name.
        ranking: what ranks for its units, by the features of a service of its own version.
        share: its share of all units, over 0 and at most 1.
    """

    name: str
    ranking: Ranking
    share: float


@dataclass(frozen=True, eq=False)
class Experiment:
    """Units split into arms.

    Attributes:
        name: its name; another one splits the units anew.
        by: the key of a request that names the unit.
        ranking: what ranks for the units that are in no arm.
        arms: its arms; the others are compared with the first.
        metrics: what they are compared by.
        description: what it is to tell.
        owner: who answers for it, as of a service.

    Raises:
        DefinitionError: it is wrong.
    """

    name: str
    by: str
    ranking: Ranking
    arms: Sequence[Arm]
    metrics: Sequence[Metric] = ()
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        where = f"experiment {self.name!r}"
        _check_name(where, self.name)
        check_owner(f"{where}: owner", self.owner)
        for what, given, kind in (("arms", self.arms, Arm), ("metrics", self.metrics, Metric)):
            if not isinstance(given, Sequence) or not all(isinstance(one, kind) for one in given):
                raise DefinitionError(
                    f"{where}: its {what} are {given!r}: give a list of {kind.__name__}(...)"
                )
        for arm in self.arms:
            _check_name(f"{where}: an arm", arm.name)
        if len(self.arms) < 2:
            raise DefinitionError(f"{where} has {len(self.arms)} arms: give two or more")
        for what, names in (
            ("arms", [arm.name for arm in self.arms]),
            ("metrics", [metric.name for metric in self.metrics]),
        ):
            if twice := [name for name, number in Counter(names).items() if number > 1]:
                raise DefinitionError(
                    f"{where}: two of its {what} are called {twice[0]!r}: give each its own name"
                )
        for arm in self.arms:
            number = isinstance(arm.share, int | float) and not isinstance(arm.share, bool)
            if not number or not 0 < arm.share <= 1:
                raise DefinitionError(
                    f"{where}: arm {arm.name!r} has a share of {arm.share!r}: give a number over 0 "
                    "and at most 1"
                )
        if self.share > 1 + _ROUNDING:
            told = " + ".join(f"{arm.share:g}" for arm in self.arms)
            raise DefinitionError(
                f"{where}: the shares of its arms are {told} = {self.share:g} of all units, which "
                "is more than all: give shares whose sum is at most 1"
            )
        for part in self.parts:
            if self.by not in part.source.columns:
                raise DefinitionError(
                    f"{where}: metric {part.name!r} cannot tell whose events are whose, as "
                    f"{part.source.__name__} has no column {self.by!r}: add it, or take the "
                    "metric of another source"
                )

    @property
    def share(self) -> float:
        """The share of all units that are in some arm."""
        return math.fsum(arm.share for arm in self.arms)

    @cached_property
    def services(self) -> tuple[str, ...]:
        """The services that its rankings are of, each once; the first is that of ``ranking``."""
        return tuple(dict.fromkeys(one.service for one in self.rankings))

    @property
    def rankings(self) -> tuple[Ranking, ...]:
        """What ranks for those that are in no arm, and for each arm."""
        return self.ranking, *(arm.ranking for arm in self.arms)

    @property
    def parts(self) -> tuple[Metric, ...]:
        """The sums that its metrics are made of, each once."""
        return tuple(dict.fromkeys(part for metric in self.metrics for part in metric.parts))

    def arm(self, unit: object) -> Arm | None:
        """The arm of a unit; None if it is in none.

        Whether it is in one and in which are drawn apart: with all shares grown by one factor,
        more units are in the experiment and each stays in its arm.

        Args:
            unit: the value of the key that names it; 7 and "7" are the same.
        """
        if _drawn(self.name, "in", unit) >= self.share:
            return None
        drawn = _drawn(self.name, "arm", unit) * self.share
        for arm in self.arms:
            if drawn < arm.share:
                return arm
            drawn -= arm.share
        return self.arms[-1]


def _drawn(experiment: str, purpose: str, unit: object) -> float:
    """A number from 0 to 1, as good as random for each unit, and always the same."""
    text = "\0".join((experiment, purpose, str(unit)))
    digest = blake2b(text.encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") / (1 << 8 * _BYTES)


def _check_name(where: str, name: object) -> None:
    if not is_portable(name):
        raise DefinitionError(
            f"{where}: {name!r} is not a plain name: use lower-case letters, digits and "
            "underscores, as in 'old_or_new'"
        )
