"""A service's values as they were at an earlier state of its views: of many rows at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from slate.compile.attributes import RECEIVED_AT
from slate.compile.model_names import tiles_model
from slate.deployment import Deployment
from slate.offline.values import Values
from slate.plans import Plan, Read
from slate.windows import HOUR

if TYPE_CHECKING:
    import duckdb


class ValuesUpTo(Values):
    """A service's values, of views that know only what had arrived before the end of an hour.

    Args:
        deployment: the deployment.
        plan: the service's plan, whose spine is the table of keys and instants.
        connection: the warehouse.
        known: up to which arrival views are known, by their names, in microseconds, at the end of
            an hour; views that are not named know all.
    """

    def __init__(
        self,
        deployment: Deployment,
        plan: Plan,
        connection: "duckdb.DuckDBPyConnection",
        known: Mapping[str, int],
    ) -> None:
        super().__init__(deployment, plan, connection)
        assert not any(until % HOUR for until in known.values())
        self._known = known

    def _instead(self, read: Read, instants: pa.Array) -> Mapping[str, str]:
        view, until = read.view, self._known.get(read.view.name)
        if until is None:
            return super()._instead(read, instants)
        arrivals = {view.model: RECEIVED_AT}
        if view.windowed:
            # A tile is of what arrived within an hour.
            arrivals = {
                view.source.model: view.source.arrival_time,
                tiles_model(view): "arrived_hour",
            }
        found = {}
        for model, arrival in arrivals.items():
            name = f'temp."slate_{view.name}_{model}"'
            self._connection.execute(
                f"""create or replace temp view {name.removeprefix("temp.")} as
                from {self.relation(model)} where {arrival} < make_timestamp({until})"""
            )
            found[model] = name
        return found
