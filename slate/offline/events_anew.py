"""Values made anew from single events and rows, as they would be had only some of them been known.

It is slow, and meant for few rows: where what was served and what the warehouse tells differ, it
finds out what the difference is due to. Nothing that the warehouse has derived of events is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from slate.compile.asked import asked_cte
from slate.compile.attributes import RECEIVED_AT
from slate.compile.model_names import tiles_model
from slate.compile.tiles import tiles_sql
from slate.deployment import Deployment
from slate.offline.values import Values
from slate.plans import Plan, Read

if TYPE_CHECKING:
    import duckdb


# How many arrivals are told.
ARRIVALS = 1_000


@dataclass(frozen=True)
class KnownEvents:
    """Which events or rows of a view are taken for known.

    Attributes:
        before: those that arrived before this instant, in microseconds; None for all.
        not_ids: but for events of these ids.
    """

    before: int | None = None
    not_ids: tuple[str | int, ...] = ()


class ValuesAnew(Values):
    """A service's values, from events and rows that are taken for known.

    Args:
        deployment: the deployment.
        plan: the service's plan, whose spine is the table of keys and instants.
        connection: the warehouse.
        known: what is known of each view, by its name; of a view that is not named, all.

    Attributes:
        keys: of each view the keys that were asked for, by the names of its key columns.
        arrivals: of each view the latest arrivals of what is taken for known of them, in
            microseconds, the latest first.
    """

    def __init__(
        self,
        deployment: Deployment,
        plan: Plan,
        connection: "duckdb.DuckDBPyConnection",
        known: Mapping[str, KnownEvents],
    ) -> None:
        super().__init__(deployment, plan, connection)
        self._known = known
        self.keys: dict[str, list[dict[str, Any]]] = {}
        self.arrivals: dict[str, list[int]] = {}

    def _instead(self, read: Read, instants: pa.Array) -> dict[str, str]:
        view, known = read.view, self._known.get(read.view.name, KnownEvents())
        if not view.windowed:
            model, arrival = view.model, RECEIVED_AT
        else:
            model, arrival = view.source.model, view.source.arrival_time
        # Of the keys that are asked about alone.
        asked = (
            f"with {asked_cte(self._plan, read)} select distinct {', '.join(read.keys)} from asked"
        )
        self._create("slate_keys", asked)
        names = ", ".join(read.keys)
        self.keys[view.name] = (
            self._connection.sql("from temp.slate_keys").arrow().read_all().to_pylist()
        )
        conditions = [f"({names}) in (select {names} from temp.slate_keys)"]
        if known.before is not None:
            conditions.append(f"{arrival} < make_timestamp({known.before})")
        if known.not_ids:
            self._connection.register("given", pa.table({"id": pa.array(known.not_ids)}))
            self._connection.execute("create or replace temp table slate_not as from given")
            self._connection.unregister("given")
            assert view.windowed
            conditions.append(f"{view.source.unique_id} not in (select id from temp.slate_not)")
        rows = f"slate_{view.name}_rows"
        self._create(
            rows, f"select * from {{{{ ref('{model}') }}}} where {' and '.join(conditions)}"
        )
        arrivals = self._connection.execute(
            f"""select distinct epoch_us({arrival}) from temp."{rows}"
            order by 1 desc limit {ARRIVALS}"""
        )
        self.arrivals[view.name] = [one for (one,) in arrivals.fetchall()]
        found = {model: f'temp."{rows}"'}
        if view.windowed:
            tiles = f"slate_{view.name}_tiles"
            self._create(tiles, tiles_sql(view), found)
            found[tiles_model(view)] = f'temp."{tiles}"'
        return found
