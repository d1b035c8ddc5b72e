"""Values by definitions that the warehouse was not built of yet, of a few rows.

Tiles are made here and now, of the events of the rows' keys; the SQL is that of history.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from slate.compile.asked import asked_cte
from slate.compile.model_names import RAW, tiles_model
from slate.compile.project import model_hashes
from slate.compile.tiles import tiles_sql
from slate.deployment import Deployment
from slate.errors import DataError
from slate.features import Feature
from slate.locks.own_models import OwnModels
from slate.offline.frames import rows_of
from slate.offline.history import Question
from slate.offline.rendering import rendered
from slate.offline.spines import spine_of
from slate.offline.values import Values
from slate.offline.warehouse import reading
from slate.plans import Read


def preview(
    deployment: Deployment, features: Sequence[Feature], rows: pa.Table, at: str
) -> pa.Table:
    """Features as of the instants of some rows, as ``history`` will tell them after the next run.

    Args:
        deployment: the deployment, whose dbt project is compiled.
        features: which.
        rows: the keys by which they are found, the inputs of request features and instants.
        at: the column of instants.

    Returns:
        A column for each feature, in their order.

    Raises:
        DataError: there is no warehouse, or it does not hold what they are made of as it will be.
        RequestError: the rows lack a key, or ask about an instant that is not known.
    """
    # With the `platform` extra, as all that reads the warehouse.
    from duckdb import BinderException, CatalogException
    from jinja2 import TemplateError

    given = rows_of(rows)
    question = Question(deployment, list(features), given.names, at)
    spine = spine_of(question.plan, given, question.instants)
    with reading(deployment) as connection:
        values = _PreviewedValues(deployment, question.plan, connection)
        values.require_known(spine)
        try:
            return values.of(spine, lambda _: None)
        except (TemplateError, BinderException, CatalogException) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"a model that they are made of cannot be read before it is built ({reason})"
            ) from error


class _PreviewedValues(Values):
    """A service's values, of the warehouse's events alone: its tiles are of other definitions.

    What a hand-written model will select is taken of its text.
    """

    def _require_built(self) -> None:
        """Refuse events that will be taken in by other rules than they are in the warehouse by."""
        deployment = self._deployment
        query = f"select model, hash from {RAW}.built_models"
        built = dict(self._connection.execute(query).fetchall())
        now = model_hashes(deployment.registry, deployment.dbt_project)
        # One that keeps no such ledger is taken as it is, as history does.
        changed = {model for model, digest in now.items() if built and built.get(model) != digest}
        models, anew = OwnModels(deployment.dbt_project), set[str]()
        self._texts: dict[str, str] = {}
        for view in self._plan.views:
            origins = models.origins(view.source.model if view.windowed else view.model)
            anew |= origins.others & changed
            self._texts |= {name: t for name, t in origins.texts.items() if name in changed}
        if anew:
            raise DataError(
                f"{', '.join(sorted(anew))} will itself be built anew: what is made of it is known "
                "after the run"
            )

    def _instead(self, read: Read, instants: pa.Array) -> Mapping[str, str]:
        """The tiles and events of the keys that are asked about, by model."""
        if not read.view.windowed:
            return {}
        view, keys = read.view, ", ".join(read.keys)
        source = view.source.model
        self._create("slate_needed", f"with {asked_cte(self._plan, read)} from asked")
        needed = f"({keys}) in (select {keys} from temp.slate_needed)"
        self._create("slate_events", f"from {{{{ ref('{source}') }}}} where {needed}")
        found = {source: "temp.slate_events"}
        self._create("slate_tiles", tiles_sql(view), found)
        return found | {tiles_model(view): "temp.slate_tiles"}

    def relation(self, model: str) -> str:
        """A model's relation; of a hand-written one that changed, what it will select."""
        if model in self._texts:
            return f"({rendered(self._texts[model], self.relation)})"
        return super().relation(model)
