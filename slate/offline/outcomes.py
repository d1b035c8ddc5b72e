"""What came of an experiment's exposures: units by arm, and what happened to each, compared."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from slate.deployment import Deployment
from slate.errors import DataError
from slate.experiments import Experiment, Metric
from slate.exposures import folder_of
from slate.expressions import Array
from slate.kinds import naive_utc
from slate.offline.comparisons import MISMATCH, Compared, compared, mismatch
from slate.offline.values import known_until, relations
from slate.quoting import literal

if TYPE_CHECKING:
    import duckdb

# Of fewer units sums are not normal, and intervals not what they say.
LEAST_UNITS = 100
_UNITS = "slate_units"


@dataclass(frozen=True)
class Analysis:
    """What an experiment has come to.

    Attributes:
        experiment: its name.
        until: up to when events and exposures are known (UTC).
        began: the first exposure; None before there is one.
        exposures: how many there are up to then.
        later: how many there are since, of which nothing can be told yet.
        units: by arm, how many were exposed.
        crossed: how many units were exposed to several arms, as where shares were changed by
            different factors; they are of none.
        strays: how many units were exposed to an arm that there is no more; they are of none.
        metrics: the arms by each metric, of the units whose time for it is over.
        waiting: by metric, of how many units it is not.
        mismatch: how likely the numbers of units are, given the arms' shares.
    """

    experiment: str
    until: datetime
    began: datetime | None
    exposures: int
    later: int
    units: dict[str, int]
    crossed: int
    strays: int
    metrics: tuple[Compared, ...]
    waiting: dict[str, int]
    mismatch: float

    @property
    def warnings(self) -> list[str]:
        """Why what is told may not hold."""
        found = []
        if self.mismatch < MISMATCH:
            found.append(
                f"the arms have {_listed(self.units)} units, which their shares give one time in "
                f"{1 / max(self.mismatch, 1e-12):,.0f}: units get lost on the way, or were counted "
                "while shares were others; trust no difference until it is known why"
            )
        if self.crossed:
            found.append(
                f"{self.crossed:,} units were exposed to several arms, and are left out: the "
                "shares of arms were changed by different factors; go on under another name"
            )
        if self.strays:
            found.append(
                f"{self.strays:,} units were exposed to an arm that is not defined any more, and "
                "are left out"
            )
        few = {
            metric.metric: min(mean.units for mean in metric.means)
            for metric in self.metrics
            if any(mean.units < LEAST_UNITS for mean in metric.means)
        }
        if few and self.exposures:
            found.append(
                f"an arm has less than {LEAST_UNITS} units ({_listed(few)}): intervals are "
                "narrower than they should be"
            )
        return found


def outcomes(
    deployment: Deployment, experiment: Experiment, connection: "duckdb.DuckDBPyConnection"
) -> Analysis:
    """Compare the arms of a deployment's experiment, by the exposures that were taken in.

    Args:
        deployment: the deployment.
        experiment: one of its experiments.
        connection: its warehouse.

    Raises:
        DataError: the warehouse was never built whole.
    """
    models = [part.source.model for part in experiment.parts]
    until = known_until(deployment, models, connection)
    named = relations(deployment)
    files = sorted(map(str, folder_of(deployment, experiment).glob("*.parquet")))
    listed = ", ".join(map(literal, files))
    exposures = f"read_parquet([{listed}], union_by_name => true)" if files else ""
    if exposures:
        _require_readable(experiment, exposures, connection)
    found = {model: named.get(model, f'"main"."{model}"') for model in models}
    return analysed(experiment, exposures, found, until, connection)


def _require_readable(
    experiment: Experiment, exposures: str, connection: "duckdb.DuckDBPyConnection"
) -> None:
    """Refuse exposures that cannot be read, which are no fault of the warehouse."""
    import duckdb

    try:
        connection.execute(f"select count(*) from {exposures}").fetchall()
    except duckdb.Error as error:
        raise DataError(
            f"the exposures of {experiment.name} cannot be read ({error}): take the file away that "
            "is damaged; the others are compared without it"
        ) from error


def analysed(
    experiment: Experiment,
    exposures: str,
    relations: dict[str, str],
    until: datetime,
    connection: "duckdb.DuckDBPyConnection",
) -> Analysis:
    """Compare the arms of an experiment by what happened after the first exposure of each unit.

    A unit counts for a metric once the time within which events count is over, so that all have
    had the same; events count from the instant of its first exposure on.

    Args:
        experiment: the experiment.
        exposures: a relation in SQL, of the columns of ``slate.exposures``; empty if there is none.
        relations: what the model of each source is called in the warehouse.
        until: up to when the warehouse knows all events (UTC).
        connection: the warehouse.
    """
    names = [arm.name for arm in experiment.arms]
    known, until = until, naive_utc(until)
    if not exposures:
        unit = experiment.by
        exposures = f"(select null::varchar as {unit}, null::varchar as arm, now() as asked_at) "
        exposures = f"(from {exposures} limit 0)"
    connection.execute("set timezone = 'UTC'")
    connection.execute(
        f"""create or replace temp table {_UNITS} as
        select
            {experiment.by} as unit, count(*) as times,
            min(asked_at)::timestamp as first, min(arm) as arm, min(arm) <> max(arm) as crossed
        from {exposures} as exposures
        where asked_at::timestamp <= $until
        group by all""",
        {"until": until},
    )
    try:
        rows = connection.execute(
            f"""select arm, crossed, count(*), sum(times), min(first) from {_UNITS} group by all"""
        ).fetchall()
        units = dict.fromkeys(names, 0)
        units |= {arm: number for arm, crossed, number, *_ in rows if not crossed and arm in units}
        metrics, waiting = [], {}
        for metric in experiment.metrics:
            arms, sums, waits = _sums(metric, experiment, names, relations, until, connection)
            per = sums[1] if metric.per is not None else None
            metrics.append(compared(metric.name, names, arms, sums[0], per))
            waiting[metric.name] = waits
        query = f"select count(*) from {exposures} as exposures where asked_at::timestamp > $until"
        ((later,),) = connection.execute(query, {"until": until}).fetchall()
    finally:
        connection.execute(f"drop table if exists temp.{_UNITS}")
    return Analysis(
        experiment.name,
        known,
        min((first for *_, first in rows), default=None),
        sum(int(times) for *_, times, _ in rows),
        later,
        units,
        sum(number for _, crossed, number, *_ in rows if crossed),
        sum(number for arm, crossed, number, *_ in rows if not crossed and arm not in units),
        tuple(metrics),
        waiting,
        mismatch([units[name] for name in names], [arm.share for arm in experiment.arms]),
    )


def _sums(
    metric: Metric,
    experiment: Experiment,
    names: list[str],
    relations: dict[str, str],
    until: datetime,
    connection: "duckdb.DuckDBPyConnection",
) -> tuple[Array, list[Array], int]:
    """Of each unit whose time is over the place of its arm, and the sums of a metric's parts.

    Also of how many units it is not over.
    """
    over = until - timedelta(microseconds=max(part.within_us for part in metric.parts))
    values = [
        f"""(
            select unit, sum(value) as value from {_UNITS} as units join (
                select {experiment.by} as slate_unit, {part.source.event_time} as happened,
                    {part.sql} as value
                from {relations[part.source.model]}
                where {part.source.arrival_time} <= $until
            ) as events on slate_unit = unit
                and happened >= first and happened < first + to_microseconds({part.within_us})
            group by unit
        ) as part_{place}"""
        for place, part in enumerate(metric.parts)
    ]
    columns = ", ".join(f"coalesce(part_{p}.value, 0)::double as v{p}" for p in range(len(values)))
    joins = "\n".join(
        f"left join {value} on part_{place}.unit = units.unit" for place, value in enumerate(values)
    )
    found = connection.execute(
        f"""select list_position($names, arm) - 1 as arm, {columns}
        from {_UNITS} as units {joins}
        where not crossed and list_contains($names, arm) and first <= $over""",
        {"names": names, "until": until, "over": over},
    ).fetchnumpy()
    query = f"""select count(*) from {_UNITS}
        where not crossed and list_contains($names, arm) and first > $over"""
    ((waits,),) = connection.execute(query, {"names": names, "over": over}).fetchall()
    arms = np.asarray(found["arm"], np.int64)
    return arms, [np.asarray(found[f"v{place}"], np.float64) for place in range(len(values))], waits


def _listed(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in numbers.items())
