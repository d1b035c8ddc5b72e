"""History: a service's features as of the instants of anybody's rows."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pyarrow as pa

from slate.deployment import Deployment, given_or_loaded
from slate.entities import Entity
from slate.errors import DefinitionError, RequestError
from slate.features import Feature, Input, Windows
from slate.kinds import Kind
from slate.offline.frames import rows_of, table_of
from slate.offline.spine_files import SpineFile
from slate.offline.spines import spine_of, spine_source
from slate.offline.values import BATCH_ROWS, Progress, Values
from slate.offline.warehouse import LOCK_SECONDS, reading
from slate.plans import plan
from slate.registry import Registry
from slate.services import FeatureService, features_of, made_of
from slate.views import FeatureView, RequestFeatures

# What is asked for: a service, or features, views and windows as a service lists them.
Wanted: TypeAlias = (
    str
    | FeatureService
    | Feature
    | Windows
    | type[FeatureView]
    | type[RequestFeatures]
    | list[Any]
    | tuple[Any, ...]
)
Frame = TypeVar("Frame")

# How many rows are asked about at once: each time costs as much as a look at all tiles does.
ROWS = 1_000_000
# How long a run may take that comes between two parts of a stream.
RUN_SECONDS = 3_600.0


def history(
    service: Wanted,
    frame: Frame,
    *,
    at: str | None = None,
    deployment: Deployment | None = None,
    progress: Progress = lambda text: None,
) -> Frame:
    """The features of a service as of each row's instant: as they were served, or would have been.

    ::

        rows = pandas.DataFrame({"viewer_id": [...], "show_id": [...], "event_ts": [...]})
        slate.history("feed_ranking", rows)
        slate.history([ViewerActivity.taps["1h"], SellerStats.price], rows, at="event_ts")

    A value is made of what had arrived before the row's instant, as in a training set of the
    service. Nothing is built, published or written. Rows without a key have what a key has that
    nobody has heard of.

    Args:
        service: a service or its name, also with its version ("feed_ranking_v1"); or a list of
            features and views, which are found by those of the frame's columns that are keys.
        frame: rows of pandas, Polars or Arrow. Its columns: the keys; the inputs of request
            features, of which one without a column has its default; an instant a row, which is UTC
            where it has no zone, and is floored to its microsecond; and any others.
        at: the column of instants; by default what the service's spine calls it.
        deployment: by default the one of slate.toml.
        progress: told in words what is being done.

    Returns:
        The frame's rows in their order, with all of their columns, and after these the features by
        their full names; of the frame's type, and with values of the types of ``docs/types.md``.

    Raises:
        RequestError: a column is missing, of a wrong type, null where it may not be, or called as a
            feature is; or instants lie beyond what the warehouse knows.
        UnknownNameError: there is no such service.
        DataError: there is no warehouse, another process has it, or it was built of other
            definitions.
        ConfigurationError: there is no deployment.
        MissingPackageError: ``slate[platform]`` is not installed.
    """
    rows = rows_of(frame)
    deployment = given_or_loaded(deployment)
    question = Question(deployment, service, rows.names, at)
    spine = spine_of(question.plan, rows, question.instants)
    with reading(deployment) as connection:
        values = Values(deployment, question.plan, connection)
        values.require_known(spine)
        parts = [values.of(part, progress) for part in spine.parts(ROWS)]
    found: Frame = rows.beside(pa.concat_tables(parts))
    return found


def history_batches(
    service: Wanted,
    frames: str | Path | Iterable[Any],
    *,
    at: str | None = None,
    deployment: Deployment | None = None,
    rows: int = ROWS,
    progress: Progress = lambda text: None,
) -> Iterator[pa.RecordBatch]:
    """As ``history``, for more rows than fit into memory.

    The warehouse is let go of whenever batches are handed out, so that whoever takes their time
    over them keeps no run waiting.

    Args:
        service: see ``history``.
        frames: a file of rows (Parquet, CSV or JSON lines, or a folder of Parquet files), a reader
            of Arrow, or any frames, of the same columns, one after the other.
        at: see ``history``.
        deployment: see ``history``.
        rows: how many rows are asked about at once. More of them take more memory, but each time
            costs as much as a look at all that happened does.
        progress: see ``history``.

    Returns:
        The rows in their order, with all of their columns and the features, as batches of Arrow.

    Raises:
        RequestError, UnknownNameError, DataError, ConfigurationError: see ``history``; what is
            wrong with rows is raised when they are reached.
    """
    if rows < 1:
        raise RequestError(f"rows={rows}: give how many rows are asked about at once, 1 or more")
    deployment = given_or_loaded(deployment)
    if isinstance(frames, str | Path):
        file = SpineFile(Path(frames))
        question = Question(deployment, service, file.names, at)
        return _answered(question, file.batches(question.types), rows, progress)
    return _of_frames(deployment, service, iter(frames), at, rows, progress)


def _of_frames(
    deployment: Deployment,
    service: Wanted,
    frames: Iterator[Any],
    at: str | None,
    rows: int,
    progress: Progress,
) -> Iterator[pa.RecordBatch]:
    for first in frames:
        question = Question(deployment, service, rows_of(first).names, at)
        yield from _answered(question, chain([first], frames), rows, progress)


def _answered(
    question: "Question", frames: Iterable[Any], rows: int, progress: Progress
) -> Iterator[pa.RecordBatch]:
    done, deployment = 0, question.deployment

    def told(text: str) -> None:
        progress(f"{done:,} rows done; {text}" if done else text)

    for table in _tables(frames, rows):
        given = rows_of(table)
        spine = spine_of(question.plan, given, question.instants, done)
        # A run that comes between two parts is waited for until it has ended.
        with reading(deployment, RUN_SECONDS if done else LOCK_SECONDS) as connection:
            values = Values(deployment, question.plan, connection)
            values.require_known(spine, done)
            found = values.of(spine, told)
        done += spine.size
        answered = given.beside(found).combine_chunks()
        # Of no rows at all there is one batch, for its columns.
        yield from answered.to_batches(BATCH_ROWS) or [
            pa.RecordBatch.from_pylist([], answered.schema)
        ]


def _tables(frames: Iterable[Any], rows: int) -> Iterator[pa.Table]:
    """The rows of some frames, so many at a time; of frames without rows, one table."""
    held: list[pa.Table] = []
    size, parts = 0, 0
    for frame in frames:
        table = table_of(frame)
        if held and table.schema != held[0].schema:
            raise RequestError(
                f"the frames differ: one has the columns {_columns(held[0])}, a later one "
                f"{_columns(table)}; make them alike"
            )
        while size + table.num_rows >= rows:
            yield pa.concat_tables([*held, table.slice(0, rows - size)])
            table, held, size = table.slice(rows - size), [], 0
            parts += 1
        held.append(table)
        size += table.num_rows
    if size or (held and not parts):
        yield pa.concat_tables(held)


def _columns(table: pa.Table) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in table.schema)


class Question:
    """What is asked for, of rows that have some columns.

    Attributes:
        deployment: of which.
        plan: how the features are come by from the rows' keys.
        instants: the column of instants.
    """

    def __init__(
        self, deployment: Deployment, wanted: Wanted, names: list[Any], at: str | None
    ) -> None:
        self.deployment, registry = deployment, deployment.registry
        if isinstance(wanted, str):
            wanted = registry.service(wanted)
        if isinstance(wanted, FeatureService):
            service = _service(wanted.name, wanted.version, wanted.keys, list(wanted.features))
            self.instants = at or _spine_instants(wanted, names)
        else:
            service = _of_features(registry, wanted, names)
            self.instants = at or _instants(registry, names)
        views = list(registry.views.values())
        for feature in service.stored:
            if feature.view not in views:
                raise RequestError(
                    f"{feature!r} is not a feature of this deployment: take it from the module "
                    f"{deployment.definitions}"
                )
        try:
            self.plan = plan(service, views)
        except DefinitionError as error:
            raise RequestError(
                f"the frame's columns do not lead to all features: {error}"
            ) from None

    @property
    def types(self) -> dict[str, pa.DataType]:
        """How columns of texts are to be read."""
        service = self.plan.service
        found = {self.instants: pa.string()}
        for feature in self.plan.inputs:
            # Texts of times may be without a zone.
            is_time = feature.kind is Kind.TIME
            found[feature.column] = pa.string() if is_time else feature.kind.arrow
        for entity in service.keys:
            found |= {name: kind.arrow for name, kind in entity.keys.items()}
        return found


def _service(
    name: str, version: int, keys: tuple[type[Entity], ...], features: list[Feature]
) -> FeatureService:
    """A service whose spine is the rows of a frame."""
    inputs = [f for f in made_of(features) if isinstance(f, Input)]
    kinds = {key: kind for entity in keys for key, kind in entity.keys.items()}
    spine = spine_source(kinds, inputs)
    return FeatureService(name, version=version, keys=keys, features=features, spine=spine)


def _of_features(registry: Registry, wanted: Any, names: list[Any]) -> FeatureService:
    """A service of some features, whose keys are those that the rows have."""
    items = wanted if isinstance(wanted, list | tuple) else [wanted]
    try:
        features = list(
            dict.fromkeys(feature for item in items for feature in features_of("history", item))
        )
    except DefinitionError as error:
        raise RequestError(str(error)) from None
    if not features:
        raise RequestError("no feature is asked for: give a service, or a list of features")
    entities = [entity for entity in registry.entities.values() if not entity.parts]
    keys = tuple(entity for entity in entities if entity.keys.keys() <= set(names))
    if not keys:
        known = sorted(key for entity in entities for key in entity.keys)
        raise RequestError(
            f"the frame has no column that is a key: the deployment's keys are {', '.join(known)}"
        )
    return _service("history", 1, keys, features)


def _spine_instants(service: FeatureService, names: list[Any]) -> str:
    """The column of instants, called as the service's spine calls it."""
    name = service.spine.event_time
    if name not in names:
        raise RequestError(
            f"{service.name}: the frame has no column {name!r}, as its spine calls the instant of "
            "each row: say which column it is, as in at='asked_at'"
        )
    return name


def _instants(registry: Registry, names: list[Any]) -> str:
    """The column of instants, called as one of the deployment's sources calls it."""
    known = dict.fromkeys(source.event_time for source in registry.sources.values())
    found = [name for name in known if name in names]
    if len(found) != 1:
        has = f"has {' and '.join(found)}" if found else f"has none of {', '.join(known)}"
        raise RequestError(
            f"the instant of each row is looked for in the columns that event times are called by, "
            f"and the frame {has}: say which column it is, as in at='asked_at'"
        )
    return found[0]
