"""Exposures: the unit of a request, and what it was shown by the arm that it has."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from slate.coercion import of_values
from slate.errors import RequestError
from slate.experiments import Arm, Experiment
from slate.exposures import exposure_schema, keys_of, log_name
from slate.expressions import Array
from slate.online.serving.answer import Answer
from slate.online.serving.given_values import given
from slate.online.serving.messages import shown
from slate.services import FeatureService

_TIME = pa.timestamp("us", tz="UTC")


def unit_of(experiment: Experiment, service: FeatureService, brought: Mapping[str, Any]) -> Any:
    """The unit that a request names, as a key of its service is taken.

    Args:
        experiment: the experiment.
        service: one of its services.
        brought: the request's keys and inputs.

    Raises:
        RequestError: it names none, or several.
    """
    name, by = service.name, experiment.by
    if by not in brought:
        raise RequestError(f"{name} needs {by}=..., a key or a list of keys")
    values = given(by, brought[by]).values
    first = values[0] if len(values) else None
    if first is None or any(value != first for value in values):
        raise RequestError(
            f"{name}: {by} is {shown(brought[by])}, and the ranking is an experiment by {by}: name "
            "one, as in a single value"
        )
    column, wrong = of_values(keys_of(service)[by], [first])
    if wrong is not None:
        raise RequestError(f"{name}: {by} is {shown(first)}, which is no key of its type")
    return column[0].as_py()


@dataclass(frozen=True)
class Exposure:
    """A unit was shown what an arm ranked.

    Attributes:
        experiment: the experiment.
        arm: the unit's arm.
        unit: the unit.
        service: whose features were ranked by.
        answer: these, with the candidates' keys and the request's id.
        rows: which of its rows were shown, the best first.
        model: the version of what scored them.
        at: when it was answered, in microseconds.
    """

    experiment: Experiment
    arm: Arm
    unit: Any
    service: FeatureService
    answer: Answer
    rows: Array
    model: str
    at: int = field(default_factory=lambda: time.time_ns() // 1_000)

    @property
    def log(self) -> str:
        """The name of its log."""
        return log_name(self.experiment)

    def table(self) -> pa.Table:
        """A row, of the columns of ``slate.exposures``."""
        schema = exposure_schema(self.experiment, self.service)
        known = {
            "request_id": self.answer.request_id,
            "asked_at": self.answer.at,
            "arm": self.arm.name,
            "service": self.service.full_name,
            "model": self.model,
            self.experiment.by: self.unit,
        }
        columns: dict[str, pa.Array] = {
            name: pa.array([value], schema.field(name).type) for name, value in known.items()
        }
        columns["answered_at"] = pa.array([self.at], pa.timestamp("us")).cast(_TIME)
        for name, values in self.answer.keys.items():
            if name not in columns:
                # A key that the request names once is that of all that were shown.
                told = [values[row] for row in self.rows.tolist()] if len(values) > 1 else values
                columns[name] = pa.array([told], schema.field(name).type)
        return pa.table([columns[name] for name in schema.names], schema=schema)
