"""A service's plan in words: what is read in which round, and what is computed at which grain."""

from collections.abc import Collection, Iterator

from slate.expressions import Expr, leaves, render
from slate.features import Computed, Feature
from slate.online.rows.keys import KeySource
from slate.online.serving.service_plan import ServicePlan
from slate.online.serving.view_read import ViewRead
from slate.services import FeatureService


def explain(plan: ServicePlan) -> str:
    """A service's plan in words."""
    return "\n".join(_lines(plan))


def _lines(plan: ServicePlan) -> Iterator[str]:
    service = plan.plan.service
    keys = ", ".join(service.request_keys)
    yield f"{service.full_name}: {len(service.features)} features by {keys}"
    if service.candidates is not None:
        where = render(service.candidates.where)
        yield f"without {service.candidates.key}: of each {service.candidates.key} where {where}"
    for number, one in enumerate(plan.rounds, 1):
        yield f"read in round {number}"
        yield from (f"  {_read(service, read)}" for read in (*one.leading, *one.others))
    if plan.plan.inputs:
        yield "given with the request"
        for feature in plan.plan.inputs:
            default = "required" if feature.required else f"default {feature.default!r}"
            yield f"  {feature.column}: {feature.kind.value}, {default}"
    grains: dict[str, list[Computed]] = {}
    for computed in plan.plan.computed:
        grains.setdefault(_per(service, _grain(plan, computed)), []).append(computed)
    for grain, features in grains.items():
        yield f"computed per {grain}"
        yield from (f"  {feature.name} = {render(feature.expression)}" for feature in features)


def _read(service: FeatureService, read: ViewRead) -> str:
    view = read.view
    keys = ", ".join(map(_source, read.keys))
    kind = "windowed" if view.windowed else "latest"
    used = f"{len(read.read.features)} of {len(view.features)} {kind} features"
    kind = f"near {kind}" if view.near else kind
    round_ = read.read.round
    later = f", picked in round {round_ + 1}" if round_ > read.fetch else ""
    return f"{view.name}[{keys}]: {used} per {_per(service, read.read.grain)}{later}"


def _source(source: KeySource) -> str:
    return source if isinstance(source, str) else source.name


def _per(service: FeatureService, grain: Collection[str]) -> str:
    return ", ".join(key for key in service.request_keys if key in grain) or "request"


def _grain(plan: ServicePlan, expr: Expr) -> set[str]:
    """The request's keys that a value depends on."""
    if isinstance(expr, Computed):
        return set().union(*(_grain(plan, leaf) for leaf in leaves(expr.expression)))
    for read in plan.reads:
        if isinstance(expr, Feature) and expr.view is read.view:
            return set(read.read.grain)
    return set()
