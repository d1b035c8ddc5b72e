"""What the log of a service's answers asks of the warehouse: the same values, made again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from slate.answer_log import log_schema, views_of
from slate.deployment import Deployment
from slate.features import Aggregated, Attribute
from slate.offline.events_anew import KnownEvents, ValuesAnew
from slate.offline.frames import rows_of
from slate.offline.history import Question
from slate.offline.spines import Spine, spine_of
from slate.offline.values import Values
from slate.offline.values_up_to import ValuesUpTo
from slate.plans import Plan
from slate.privacy import personal

if TYPE_CHECKING:
    import duckdb


class ServedLog:
    """The log of a service's answers, whose values the warehouse can tell again.

    Args:
        deployment: the deployment.
        service: the service's name.
        connection: the warehouse.

    Attributes:
        deployment: the deployment.
        service: the service's name with its version.
        connection: the warehouse.
        given: the columns of a log that say what was asked.
        schema: all columns of a log.
        features: the service's features, but for what is personal, which is not logged.
        hidden: the names of those that are personal.
        views: the names of the views that it is read of.
        values: the service's values, as the warehouse has them.

    Raises:
        DataError: the warehouse was not built, or of other definitions.
    """

    def __init__(
        self, deployment: Deployment, service: str, connection: "duckdb.DuckDBPyConnection"
    ) -> None:
        self.deployment, self.connection = deployment, connection
        found = deployment.registry.service(service)
        self.service = found.full_name
        keys = [key for entity in found.keys for key in entity.keys]
        self.hidden = personal(found.features)
        self.features = tuple(f for f in found.features if f.name not in self.hidden)
        served = deployment.registry.plan(service)
        self.given = [*keys, *(feature.column for feature in served.inputs), "asked_at"]
        self._plan: Plan = Question(deployment, found, self.given, "asked_at").plan
        self.views = views_of(self._plan)
        self.schema = log_schema(served)
        self._views_behind = {
            feature.name: {
                one.view.name
                for one in self._plan.behind(feature)
                if isinstance(one, Attribute | Aggregated)
            }
            for feature in found.features
        }
        self.values = Values(deployment, self._plan, connection)

    @property
    def known_until(self) -> Any:
        """Up to which instant the warehouse can tell (UTC)."""
        return self.values.known_until

    def spine(self, table: pa.Table) -> Spine:
        """What the rows of a log ask."""
        return spine_of(self._plan, rows_of(table.select(self.given)), "asked_at")

    def views_behind(self, feature: str) -> set[str]:
        """The views that a feature's value comes of, those that lead to others among them."""
        return self._views_behind[feature]

    def anew(self, known: Mapping[str, KnownEvents]) -> ValuesAnew:
        """The service's values from single events, where just this is known of views."""
        return ValuesAnew(self.deployment, self._plan, self.connection, known)

    def up_to(self, known: Mapping[str, int]) -> ValuesUpTo:
        """The service's values, where views know what had arrived before the end of an hour."""
        return ValuesUpTo(self.deployment, self._plan, self.connection, known)

    def told(self, values: Values, rows: pa.Table) -> pa.Table:
        """What some values are of the rows of a log, as they were to be served."""
        return values.of(self.spine(rows), lambda _: None, as_served=True)
