"""History as it would be, had some entities done something else: for closed loops.

Where a simulated feed is shown to some viewers, what they do next depends on it, and so do the
features of their next request. These are made by the same SQL, of other events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from slate.compile.asked import asked_cte
from slate.compile.model_names import tiles_model
from slate.compile.tiles import tiles_sql
from slate.deployment import Deployment
from slate.offline.frames import rows_of
from slate.offline.history import Question
from slate.offline.spines import spine_of
from slate.offline.values import Values
from slate.offline.warehouse import reading
from slate.plans import Plan, Read
from slate.quoting import literal
from slate.sources import Source

if TYPE_CHECKING:
    import duckdb

_DONE = "slate_done_instead"


@dataclass(frozen=True)
class Instead:
    """What some entities did since an instant, in place of what the warehouse knows of them.

    Attributes:
        source: the events' source.
        key: the column that names the entities.
        keys: the entities.
        since: the instant from which on, by arrival, what they did is left out (UTC).
        events: what they did, of the columns of the source; those it lacks are null.
    """

    source: type[Source]
    key: str
    keys: pa.Array
    since: datetime
    events: pa.Table


def history_if(
    deployment: Deployment, service: str, rows: pa.Table, at: str, instead: Instead
) -> pa.Table:
    """The features of a service as of each row's instant, had some entities done something else.

    It counts for windowed views that are found by the entities' key, also those of a pair with it.
    All other views know what truly was: nobody else sees what these entities did.

    Args:
        deployment: the deployment.
        service: the service's name.
        rows: as of ``slate.history``.
        at: the column of instants.
        instead: what they did.

    Returns:
        A column for each feature.

    Raises:
        RequestError, DataError: as of ``slate.history``.
    """
    given = rows_of(rows)
    question = Question(deployment, service, given.names, at)
    spine = spine_of(question.plan, given, question.instants)
    with reading(deployment) as connection:
        values = _ValuesIf(deployment, question.plan, connection, instead)
        values.require_known(spine)
        return values.of(spine, lambda _: None)


class _ValuesIf(Values):
    """A service's values, of other events where views are found by the entities' key."""

    def __init__(
        self,
        deployment: Deployment,
        plan: Plan,
        connection: "duckdb.DuckDBPyConnection",
        instead: Instead,
    ) -> None:
        super().__init__(deployment, plan, connection)
        self._instead_of = instead
        connection.register("slate_others", pa.table({"key": instead.keys}))
        connection.register("slate_acts", instead.events)
        source, key = instead.source, instead.key
        since = literal(instead.since)
        connection.execute(
            f"""create or replace temp table {_DONE} as
            from {self.relation(source.model)} where {key} in (select key from slate_others)
                and {source.arrival_time} < {since}
            union all by name from slate_acts"""
        )
        for name in ("slate_others", "slate_acts"):
            connection.unregister(name)

    def _instead(self, read: Read, instants: pa.Array) -> Mapping[str, str]:
        """The tiles and events of the keys that are asked about, by model."""
        view, key = read.view, self._instead_of.key
        if not (
            view.windowed and view.source is self._instead_of.source and read.keys.get(key) == key
        ):
            return super()._instead(read, instants)
        keys, model = ", ".join(read.keys), view.source.model
        self._create("slate_needed", f"with {asked_cte(self._plan, read)} from asked")
        needed = f"({keys}) in (select {keys} from temp.slate_needed)"
        self._create("slate_events", f"from {{{{ ref('{model}') }}}} where {needed}", self._done)
        self._create("slate_tiles", tiles_sql(view), {model: "temp.slate_events"})
        return {model: "temp.slate_events", tiles_model(view): "temp.slate_tiles"}

    @property
    def _done(self) -> dict[str, str]:
        return {self._instead_of.source.model: f"temp.{_DONE}"}
