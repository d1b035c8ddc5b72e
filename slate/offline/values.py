"""The values that the rows of a spine ask for, from the warehouse."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from slate.compile.asked import all_asked, asked_sql
from slate.compile.model_names import CLOCK, HELD, RAW, current_model, tiles_model
from slate.compile.model_text import seconds
from slate.compile.needed import needed_events_sql, needed_hops, needed_sql
from slate.compile.project import model_hashes
from slate.compile.staging import staged, staging_sql
from slate.compile.tiles import tiles_sql
from slate.compile.training import joined, served_value
from slate.deployment import Deployment
from slate.errors import DataError, RequestError
from slate.executor import served
from slate.failed_expressions import Failed
from slate.features import Computed
from slate.kinds import naive_utc
from slate.offline.rendering import rendered
from slate.offline.spines import TABLE, Spine, rows_text
from slate.plans import Plan, Read
from slate.windows import HOUR

if TYPE_CHECKING:
    import duckdb

# Request features are computed for as many rows at once as DuckDB hands over.
BATCH_ROWS = 122_880

# Where so many hops of arrival, or fewer, are all that rows may need, these are looked up first.
FEW = 1_000_000

# The spans of arrival that few rows need are told apart up to so many; beyond, DuckDB would take
# longer over their condition than it saves.
SPANS = 100

Progress = Callable[[str], None]


class Values:
    """A service's values, as the warehouse has them.

    Args:
        deployment: the deployment.
        plan: the service's plan, whose spine is the table of keys and instants.
        connection: the warehouse.

    Attributes:
        known_until: up to which instant all that the service reads is known (UTC).

    Raises:
        DataError: the warehouse was not built, or of other definitions.
    """

    def __init__(
        self, deployment: Deployment, plan: Plan, connection: "duckdb.DuckDBPyConnection"
    ) -> None:
        self._plan, self._connection = plan, connection
        self._deployment = deployment
        self._asked = {one.model for one in all_asked([plan])}
        self._require_built()
        models = [current_model(view) for view in plan.views]
        self.known_until = known_until(deployment, models, connection)
        self._relations = relations(deployment)
        # Views have no row ids.
        tables = "select schema_name, table_name from duckdb_tables() where not temporary"
        self._tables = {
            f'"{schema}"."{table}"' for schema, table in connection.execute(tables).fetchall()
        }

    def of(self, spine: Spine, progress: Progress, *, as_served: bool = False) -> pa.Table:
        """The values of each row of a spine, in its order: a column for each of the features.

        Args:
            spine: what is asked.
            progress: told what is being done.
            as_served: whether a request feature whose expression fails on a row is null there, as
                it was served; else that is an error.

        Raises:
            DataError: a feature is null that cannot be, or an expression fails.
        """
        schema = pa.schema([(f.name, f.value_type.arrow) for f in self._plan.service.features])
        try:
            return pa.Table.from_batches(self._batches(spine, progress, as_served), schema)
        finally:
            for name in (TABLE, *self._asked):
                self._connection.execute(f'drop table if exists temp."{name}"')

    def _batches(
        self, spine: Spine, progress: Progress, as_served: bool
    ) -> Iterator[pa.RecordBatch]:
        plan, connection = self._plan, self._connection
        connection.register("given", spine.table())
        connection.execute(f"create temp table {TABLE} as from given")
        connection.unregister("given")
        for asked in all_asked([plan]):
            progress(f"{asked.read.view.name} as of {spine.size:,} rows")
            instead = self._instead(asked.read, spine.instants)
            self._create(asked.model, asked_sql(asked), instead)
        progress(f"{len(plan.service.features):,} features of {spine.size:,} rows")
        before = 0
        for batch in connection.sql(self._rows_sql()).to_arrow_reader(BATCH_ROWS):
            part = slice(before, before + batch.num_rows)
            before = part.stop
            rows = dict(zip(batch.schema.names, batch.columns, strict=True))
            rows |= {name: values[part] for name, values in spine.inputs.items()}
            # Which rows of a batch failed says nothing of those of the next.
            failed = dict[Computed, Failed]() if as_served else None
            columns = served(plan, rows, spine.instants[part], "the warehouse", failed)
            yield pa.RecordBatch.from_arrays(columns, [f.name for f in plan.service.features])

    def _instead(self, read: Read, instants: pa.Array) -> Mapping[str, str]:
        """What is read in place of some models: of few rows the tiles and events they need."""
        if not read.view.windowed:
            return {}
        plan, view, (first, *_) = self._plan, read.view, read.keys
        hops, arrival, smallest = needed_hops(view), view.source.arrival_time, view.levels[0]
        if len(instants) * (sum(hops.values()) + 1) > FEW:
            return {}
        keys = ", ".join(read.keys)
        asked = np.unique(instants.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy())
        number = f"{{{{ hop_number('{arrival}', {seconds(smallest)}) }}}}"
        # A size at a time, as tiles of a size lie together, in order of the first key.
        arrived = [
            f"hop = {seconds(size)} "
            f"and ({_shortly_before('arrived_hour', asked, (count + 1) * size + HOUR)}) "
            f"and {first} in (select {first} from temp.slate_needed) "
            f"and ({keys}, arrived) in "
            f"(select {keys}, arrived from temp.slate_needed where hop = {seconds(size)})"
            for size, count in hops.items()
        ]
        arrived.append(
            f"hop = {seconds(view.levels[-1])} "
            f"and {first} in (select {first} from temp.slate_needed) "
            f"and ({keys}) in (select {keys} from temp.slate_needed)"
        )
        happened = [
            f"({_shortly_before(arrival, asked, smallest)}) "
            f"and ({keys}, {number}) in (select {keys}, arrived from temp.slate_needed)"
        ]
        found = {}
        for model, needed, conditions in (
            (tiles_model(view), needed_sql(plan, read), arrived),
            (view.source.model, needed_events_sql(plan, read), happened),
        ):
            table = self.relation(model)
            if table in self._tables:
                self._create("slate_needed", needed)
                # To read all columns of what is then thrown away is what costs: row ids first.
                ids = " union all ".join(f"select rowid from {table} where {c}" for c in conditions)
                found[model] = f'temp."slate_{model}"'
                self._create(f"slate_{model}", f"select * from {table} where rowid in ({ids})")
        return found

    def _create(self, name: str, model: str, instead: Mapping[str, str] | None = None) -> None:
        """A temporary table of what a model selects."""
        sql = rendered(model, lambda name: (instead or {}).get(name) or self.relation(name))
        self._connection.execute(f'create or replace temp table "{name}" as {sql}')

    def _rows_sql(self) -> str:
        """All stored features, a row for each of the spine, in its order."""
        plan = self._plan
        values, clause = joined(plan)
        features = [feature for read in plan.reads for feature in read.features]
        stored = [
            f'{value} as "{feature.name}"'
            for feature in features
            for value in [served_value(f'rows."{feature.name}"', feature)]
        ]
        row = f"spine.{plan.service.spine.unique_id} as slate_row"
        inner = f"select {', '.join([row, *values])} {clause}"
        selected = ", ".join(stored or ["slate_row"])
        return rendered(
            f"select {selected} from ({inner}) as rows order by slate_row", self.relation
        )

    def relation(self, model: str) -> str:
        """What a model's relation is called in the warehouse."""
        if model == TABLE or model in self._asked:
            return f'temp."{model}"'
        return self._relations.get(model, f'"main"."{model}"')

    def require_known(self, spine: Spine, first: int = 0) -> None:
        """Refuse instants whose values are not known yet.

        Args:
            spine: what is asked.
            first: the number of its first row, for the message.

        Raises:
            RequestError: some are not.
        """
        until = pa.scalar(naive_utc(self.known_until), pa.timestamp("us")).cast(spine.instants.type)
        late = pc.greater(spine.instants, until)
        if pc.any(late).as_py():
            raise RequestError(
                f"{self._plan.service.name}: {rows_text(np.asarray(late), first)} of "
                f"{spine.size:,} ask about an instant after {self.known_until:%Y-%m-%d %H:%M} "
                "UTC, until when the warehouse knows what happened: leave them out, `slate run` "
                "once their hour is over, or ask the online client"
            )

    def _require_built(self) -> None:
        """Refuse a warehouse that was built of other definitions than today's."""
        deployment, registry = self._deployment, self._deployment.registry
        built = dict(
            self._connection.execute(f"select model, hash from {RAW}.built_models").fetchall()
        )
        windowed = [view for view in self._plan.views if view.windowed]
        generated = {tiles_model(view): tiles_sql(view) for view in windowed}
        generated |= {
            view.source.model: staging_sql(view.source)
            for view in windowed
            if view.source in staged(registry)
        }
        written = {view.model for view in self._plan.views if not view.windowed}
        now = model_hashes(registry, deployment.dbt_project, generated)
        stale = [
            model
            for model in sorted({*generated, *written} & built.keys())
            if built[model] != now.get(model)
        ]
        if stale:
            raise DataError(
                f"the warehouse {deployment.warehouse} was built of other definitions: "
                f"{', '.join(stale)} changed since; bring it up to date with `slate compile` and "
                "`slate run`"
            )


def _shortly_before(column: str, instants: npt.NDArray[np.int64], reach: int) -> str:
    """Whether a column lies no more than so many microseconds before any of some instants.

    It is said of literals, by which DuckDB knows what it need not read.

    Args:
        column: the column, as SQL.
        instants: microseconds since the epoch, each once, in order.
        reach: how many microseconds.
    """
    if not len(instants):
        return "false"
    gaps = np.flatnonzero(np.diff(instants) > reach) + 1
    spans = np.split(instants, gaps) if len(gaps) < SPANS else [instants]
    return " or ".join(
        f"{column} between make_timestamp({span[0] - reach}) and make_timestamp({span[-1]})"
        for span in spans
    )


def known_until(
    deployment: Deployment, models: Sequence[str], connection: "duckdb.DuckDBPyConnection"
) -> datetime:
    """Up to which instant the warehouse knows all that some models are made of (UTC).

    Raises:
        DataError: it was never built whole.
    """
    query = f"""select
        (select known_until from {RAW}.{CLOCK}),
        (select min(until) from {RAW}.{HELD} where list_contains(?, model)),
        (select count(*) from {RAW}.builds),
        (select until from {RAW}.builds where seen is not null order by built_at desc limit 1)
    """
    ((clock, held, builds, built),) = connection.execute(query, [list(models)]).fetchall()
    if clock is None or (builds and built is None):
        raise DataError(
            f"the warehouse {deployment.warehouse} was never built whole: `slate run` "
            "does, and tells what stands in its way"
        )
    known: datetime = min(i for i in (clock, held, built) if i is not None)
    return known


def relations(deployment: Deployment) -> dict[str, str]:
    """What dbt calls the relation of each model that it was told to call otherwise."""
    try:
        manifest = json.loads((deployment.dbt_project / "target" / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return {
        node["name"]: f'"{node["schema"]}"."{node["alias"]}"'
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }
