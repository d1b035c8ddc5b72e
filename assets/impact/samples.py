"""Old and new values side by side, of a sample of the rows that a training set holds.

New values are made of the warehouse's events by the definitions as they are now. Old ones are those
of the training set, at the rows' own instants; or those that a server answers which still has the
old definitions, at the last instant that the warehouse knows. What lies in the store can only be
read by the definitions that wrote it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slate.assets.impact.changes import SampleRequest
from slate.assets.manifests import CURRENT
from slate.assets.publishing import view_as_of
from slate.deployment import Deployment
from slate.errors import SlateError
from slate.features import Feature
from slate.offline.preview import preview
from slate.offline.warehouse import reading
from slate.online import RemoteClient
from slate.plans import Plan
from slate.privacy import PII, is_personal

# Within which floats are equal, offline and online.
TOLERANCE = 1e-9
# How many rows are shown of each feature.
SHOWN = 3
# How many seconds a server may take to answer.
TIMEOUT = 10.0


@dataclass(frozen=True)
class Example:
    """A row of a sample: its keys, and its values before and after."""

    keys: dict[str, Any]
    old: Any
    new: Any


@dataclass(frozen=True)
class Comparison:
    """A feature's values before and after.

    Attributes:
        feature: its full name.
        rows: how many rows were compared.
        differing: in how many of them the values differ; None of a new feature.
        old_mean, new_mean: the means of those that are numbers; None of others.
        examples: some of the rows that differ, of a new feature any.
    """

    feature: str
    rows: int
    differing: int | None
    old_mean: float | None
    new_mean: float | None
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Sample:
    """What a sample of a service's rows tells.

    Attributes:
        service: with its version.
        old: where the old values are from.
        comparisons: by feature.
        unseen: what could not be compared, and why.
    """

    service: str
    old: str
    comparisons: tuple[Comparison, ...]
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class Server:
    """A server that has the old definitions.

    Attributes:
        address: its address.
        key: an API key, if it asks for one.
    """

    address: str
    key: str | None = None


def sample(
    deployment: Deployment, plan: Plan, asked: SampleRequest, rows: int, server: Server | None
) -> Sample:
    """Old and new values of some of a service's features.

    Args:
        deployment: the deployment.
        plan: the service's plan.
        asked: which, and of which training set's rows.
        rows: how many rows of the training set to look at.
        server: what answers with the old values; None for the training set's.
    """
    service = plan.service
    features = {f.name: f for f in service.features if f.name in asked.features}
    at = service.spine.event_time
    old, where = _rows(deployment.training / asked.rows, rows)
    unseen: list[str] = []
    try:
        if server is not None:
            old, where = _served(deployment, plan, asked.rows, old, server)
    except SlateError as error:
        return Sample(service.full_name, where, (), (f"its old values: {error}",))
    given = [*service.request_keys, *dict.fromkeys(f.column for f in plan.inputs), at]
    frame, compared = old.select(given), list[Comparison]()
    for view in dict.fromkeys(feature.view for feature in features.values()):
        group: list[Feature] = [f for f in features.values() if f.view is view]
        try:
            new = preview(deployment, group, frame, at)
        except SlateError as error:
            unseen.append(f"{view.name}: {error}")
            continue
        keys = frame.select(service.request_keys).to_pylist()
        for feature in group:
            if is_personal(feature):
                unseen.append(f"{feature.name}: it is tagged {PII}, and its values are not shown")
                continue
            before = old[feature.name].to_pylist() if feature.name in old.column_names else None
            compared.append(_compared(feature.name, keys, before, new[feature.name].to_pylist()))
    return Sample(service.full_name, where, tuple(compared), tuple(unseen))


def _rows(training_set: Path, rows: int) -> tuple[pa.Table, str]:
    """Rows of the newest day of a training set, evenly spread over it."""
    files = (training_set / CURRENT).resolve().glob("*/*.parquet")
    newest = max(files, key=lambda path: path.parent.name)
    table = pq.read_table(newest, partitioning=None)
    where = f"the training set of {training_set.name}, {newest.parent.name}"
    step = max(table.num_rows / rows, 1)
    chosen = [int(step * place) for place in range(min(rows, table.num_rows))]
    return table.take(pa.array(chosen, pa.int64())), where


def _served(
    deployment: Deployment, plan: Plan, version: str, rows: pa.Table, server: Server
) -> tuple[pa.Table, str]:
    """What a server answers for the keys of some rows, at the last instant that is known."""
    service = plan.service
    with reading(deployment) as connection:
        instant = max(view_as_of(connection, view) for view in plan.views)
    names = [*service.request_keys, *dict.fromkeys(f.column for f in plan.inputs)]
    given = rows.group_by(names).aggregate([])
    columns = {name: given[name].combine_chunks() for name in names}
    with RemoteClient.connect(server.address, key=server.key, timeout=TIMEOUT) as client:
        answered = client.get(version, instant, **columns).to_arrow()
    columns[service.spine.event_time] = pa.array(
        [instant] * given.num_rows, pa.timestamp("us", "UTC")
    )
    columns |= dict(zip(answered.column_names, answered.columns, strict=True))
    return pa.table(columns), f"{server.address}, at {instant:%Y-%m-%d %H:%M} UTC"


def _compared(
    name: str, keys: list[dict[str, Any]], old: list[Any] | None, new: list[Any]
) -> Comparison:
    before = [None] * len(new) if old is None else old
    rows = [Example(*row) for row in zip(keys, before, new, strict=True)]
    differing = rows if old is None else [row for row in rows if not _same(row.old, row.new)]
    return Comparison(
        name,
        len(rows),
        None if old is None else len(differing),
        None if old is None else _mean(old),
        _mean(new),
        tuple(differing[:SHOWN]),
    )


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=TOLERANCE) or (math.isnan(old) and math.isnan(new))
    return bool(old == new)


def _mean(values: list[Any]) -> float | None:
    numbers = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
    return sum(numbers) / len(numbers) if numbers else None
