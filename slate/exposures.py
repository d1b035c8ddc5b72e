"""What is kept of exposures: which unit was shown what by which arm of an experiment.

An exposure is a row::

    request_id      the request; one without an id is given one
    asked_at        the instant asked about
    answered_at     when it was answered, by the machine's clock
    stored_at       when it was stored, by the store's clock; once it was taken in
    arm             the arm
    service         whose features were ranked by
    model           the version of what scored them
    <unit>          the unit, under the name of its key
    <other keys>    of those that were told, best first, a list each
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from slate.deployment import Deployment
from slate.experiments import Experiment
from slate.kinds import Kind
from slate.services import FeatureService

_TIME = pa.timestamp("us", tz="UTC")
EXPOSURES = "exposures."
"""How the names of logs begin that are of experiments, and not of services."""

_TEXTS = {
    "request_id": "The request's id.",
    "asked_at": "The instant asked about (UTC).",
    "answered_at": "When it was answered, by the clock of the machine that did (UTC).",
    "arm": "The arm of the experiment.",
    "service": "The service whose features were ranked by.",
    "model": "The version of what scored them.",
}
COLUMNS = frozenset([*_TEXTS, "stored_at"])


def log_name(experiment: Experiment) -> str:
    """What the log of an experiment's exposures is called in the store."""
    return EXPOSURES + experiment.name


def folder_of(deployment: Deployment, experiment: Experiment) -> Path:
    """The folder of an experiment's exposures, as Parquet."""
    return exposures_folder(deployment, experiment.name)


def exposures_folder(deployment: Deployment, name: str) -> Path:
    """The folder of the exposures of an experiment that may be defined no more, by its name."""
    return deployment.answers / "exposures" / name


def keys_of(service: FeatureService) -> Mapping[str, Kind]:
    """The key columns of a service's requests, with their kinds."""
    return {name: kind for entity in service.keys for name, kind in entity.keys.items()}


def exposure_schema(experiment: Experiment, service: FeatureService) -> pa.Schema:
    """The columns of an experiment's exposures, but for ``stored_at``.

    Args:
        experiment: the experiment.
        service: one of its services, whose keys are those of all.
    """
    keys = keys_of(service)
    columns: dict[str, pa.DataType] = {
        "request_id": pa.string(),
        "asked_at": _TIME,
        "answered_at": _TIME,
        "arm": pa.string(),
        "service": pa.string(),
        "model": pa.string(),
        experiment.by: keys[experiment.by].arrow,
        **{name: pa.list_(kind.arrow) for name, kind in keys.items() if name != experiment.by},
    }
    return pa.schema(list(columns.items()))


def described(experiment: Experiment, service: FeatureService) -> dict[str, str]:
    """What each column of an experiment's exposures is."""
    others = {name: f"The {name} of what was told, the best first." for name in keys_of(service)}
    return {**_TEXTS, **others, experiment.by: "The unit of the experiment."}
