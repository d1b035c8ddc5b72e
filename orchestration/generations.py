"""Jobs about what the online store keeps: rolling views back, and deleting old generations."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from slate.assets import rollback
from slate.assets.failures import explained
from slate.assets.online import rolled_back
from slate.assets.rollback import RollbackRequest
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.online import Publisher


class RollBack(dg.Config):
    """What is rolled back."""

    views: list[str] = Field(default=[], description="The names of views; none with `publish`.")
    publish: str = Field(
        default="",
        description="Instead of names: all views of which this publish is live, by the id of its "
        "run, or how that begins.",
    )
    generation: str = Field(
        default="",
        description="What is to be live, by the name of a generation or the id of a publish; by "
        "default what was live last of those that were published before.",
    )
    rebuild: bool = Field(
        default=False,
        description="Also where workers have to make anew what streamed: a view is MISSING until "
        "they have.",
    )
    pin: bool = Field(default=False, description="Let no run publish them until they are unpinned.")


class Unpin(dg.Config):
    """Which views are published again."""

    views: list[str] = Field(description="The names of views.")


class Clean(dg.Config):
    """Which generations are deleted."""

    views: list[str] = Field(default=[], description="The names of views; by default all.")
    keep: int | None = Field(
        default=None,
        ge=0,
        description="How many generations of a view stay besides its live one; by default "
        "kept_generations of slate.toml.",
    )


def generation_jobs(deployment: Deployment) -> Sequence[dg.JobDefinition]:
    """The jobs, for whoever launches them; none where there are no views."""
    if not deployment.registry.views:
        return []
    return [_roll_back(deployment), _unpin(deployment), _clean(deployment)]


def _roll_back(deployment: Deployment) -> dg.JobDefinition:
    @dg.op(description="Older generations of views are live again, at once and together.")
    @explained
    def roll_back(context: dg.OpExecutionContext, config: RollBack) -> None:
        if bool(config.views) == bool(config.publish):
            raise ConfigurationError("say what is rolled back: `views`, or a `publish`")
        to = config.generation or None
        request = RollbackRequest(config.views, config.publish, to, config.rebuild, config.pin)
        found = rollback.roll_back(deployment, request, context.log.info)
        if found.warning:
            context.log.warning(found.warning)
        told: dict[str, Any] = {}
        for view, one in found.moved:
            told |= {f"{one.view} from": one.left.name, f"{one.view} to": one.live.name}
            context.log.info(f"{one.view}: from {one.left.name} to {one.live.name}")
            context.log_event(rolled_back(context.instance, view, one))
        context.add_output_metadata(told)

    @dg.job(description="Make older generations of views live again, of some or of a publish.")
    def roll_back_online() -> None:
        roll_back()

    return roll_back_online


def _unpin(deployment: Deployment) -> dg.JobDefinition:
    @dg.op(description="Runs publish views again that were pinned.")
    @explained
    def unpin(context: dg.OpExecutionContext, config: Unpin) -> None:
        views = [deployment.registry.view(name) for name in config.views]
        with Publisher.connect(deployment) as store:
            unpinned = [view.name for view in views if store.unpin(view)]
        context.add_output_metadata({"unpinned": ", ".join(unpinned) or "none was pinned"})

    @dg.job(description="Let runs publish views again that were rolled back and pinned.")
    def unpin_online() -> None:
        unpin()

    return unpin_online


def _clean(deployment: Deployment) -> dg.JobDefinition:
    registry = deployment.registry

    @dg.op(description="Generations are deleted that nobody is to go back to.")
    @explained
    def clean(context: dg.OpExecutionContext, config: Clean) -> None:
        views = [registry.view(name) for name in config.views] or list(registry.views.values())
        with Publisher.connect(deployment) as store:
            deleted = {view.name: store.clean(view, config.keep) for view in views}
        told = {view: ", ".join(names) for view, names in deleted.items() if names}
        context.add_output_metadata({"deleted": sum(map(len, deleted.values())), **told})

    @dg.job(description="Delete generations that are kept beyond a number, and what was left over.")
    def clean_online_generations() -> None:
        clean()

    return clean_online_generations
