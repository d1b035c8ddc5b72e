"""Warehouse assets: the dbt models, built for the hours of a run."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DbtProject,
    dbt_assets,
)

from slate.assets.catalogue import asset_tags, own_models, schema
from slate.assets.database import POOL, Warehouse
from slate.assets.dbt_calls import Dbt
from slate.assets.failures import explained
from slate.assets.lineage import column_lineage
from slate.assets.warehouse_build import built_models
from slate.compile.asked import all_asked
from slate.compile.model_names import (
    CLOCK,
    HELD,
    RAW,
    current_model,
    training_model,
    view_models,
)
from slate.deployment import Deployment
from slate.registry import Registry
from slate.views import FeatureView


def model_key(model: str) -> dg.AssetKey:
    """The asset of a dbt model."""
    return dg.AssetKey(model)


def current_key(view: type[FeatureView]) -> dg.AssetKey:
    """The asset of a view's current values, which is what is checked."""
    return model_key(current_model(view))


class Translator(DagsterDbtTranslator):
    """How dbt's models appear in the UI: plain keys, a group for each stage, owners, schemas."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self._owners, self._texts = _owners(registry), own_models(registry)

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Sources by schema and table, models by name."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return model_key(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The stage, which is the folder: of generated models the one below `generated`."""
        folders = [part for part in dbt_resource_props["fqn"][1:-1] if part != "generated"]
        return folders[0] if folders else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        """The owner of the view, source or service that a model is generated from."""
        owner = self._owners.get(dbt_resource_props["name"])
        return [owner] if owner else None

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The definition's own text."""
        return str(dbt_resource_props.get("description", ""))

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """The column schema that the contract promises; where it has no text, the definition's."""
        texts = self._texts.get(dbt_resource_props["name"], {})
        return schema(
            [
                dg.TableColumn(
                    column["name"],
                    column["data_type"],
                    description=column["description"] or texts.get(column["name"]),
                    tags=asset_tags(column.get("tags", ())),
                )
                for column in dbt_resource_props.get("columns", {}).values()
                if column.get("data_type")
            ]
        )


def _owners(registry: Registry) -> dict[str, str]:
    owners = {source.model: source.owner for source in registry.sources.values()}
    for view in registry.views.values():
        owners |= dict.fromkeys((view.name, *view_models(view)), view.owner)
    for asked in all_asked(registry.plans.values()):
        owners[asked.model] = asked.read.view.owner
    for service in registry.services.values():
        owners[training_model(service)] = service.owner
    return owners


def known_assets() -> list[dg.AssetSpec]:
    """What the models are told of what can be known: by the clock, and by what could be read."""
    told = {
        CLOCK: "Up to when arrivals can be known: the end of the last hour that is over by the "
        "platform's clock.",
        HELD: "Which models cannot be as of that, as a landing file that they are made of cannot "
        "be read, and up to when they are known.",
    }
    return [
        dg.AssetSpec(
            dg.AssetKey([RAW, table]), description=text, group_name="staging", kinds={"duckdb"}
        )
        for table, text in told.items()
    ]


def warehouse_assets(deployment: Deployment, project: DbtProject) -> dg.AssetsDefinition:
    """All models of the deployment's dbt project, built together for the hours that are new.

    Building again what was built is safe: the rows of an hour take the place of those before.
    """
    registry = deployment.registry
    lineage = column_lineage(registry)

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="warehouse",
        dagster_dbt_translator=Translator(registry),
        pool=POOL,
    )
    @explained
    def warehouse(
        context: dg.AssetExecutionContext, dbt: Dbt, warehouse: Warehouse
    ) -> Iterator[Any]:
        yield from built_models(context, dbt, warehouse, deployment, project, lineage)

    return warehouse
