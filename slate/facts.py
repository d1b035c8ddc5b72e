"""What there is to tell of each kind of definition: facts by name, the empty ones left out."""

from collections.abc import Iterable

from slate import uses
from slate.base import Definition
from slate.constraints import Constraints
from slate.entities import Entity
from slate.expressions import Expr, render
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.fingerprints import fingerprint
from slate.registry import Registry
from slate.services import FeatureService
from slate.source_columns import Column
from slate.sources import Source
from slate.views import FeatureView, RequestFeatures
from slate.windows import duration_name

Facts = list[tuple[str, str]]
View = type[FeatureView] | type[RequestFeatures]


def of_feature(registry: Registry, feature: Feature) -> Facts:
    """A feature: its values, what they are made from, and who uses them."""
    return [
        ("type", feature.value_type.name),
        ("default", default(feature)),
        ("constraints", _constraints(feature.constraints)),
        *_made_from(feature),
        ("view", feature.view.name),
        *_of_view(feature.view),
        ("owner", feature.view.owner),
        ("tags", ", ".join(dict.fromkeys((*feature.tags, *feature.view.tags)))),
        ("definition hash", fingerprint(feature.view)),
        *_used_by(registry, [feature]),
        *_reached(registry, [feature]),
    ]


def of_view(registry: Registry, view: View) -> Facts:
    """A view: what its features are of and made from, and who uses them."""
    return [
        ("kind", kind_of_view(view)),
        *_of_view(view),
        *_limits(view),
        ("owner", view.owner),
        ("tags", ", ".join(view.tags)),
        ("definition hash", fingerprint(view)),
        *_used_by(registry, view.features.values()),
        *_reached(registry, view.features.values()),
    ]


def of_source(registry: Registry, source: type[Source]) -> Facts:
    """A source: where its events come from, and what is made from them."""
    views = [v.name for v in registry.views.values() if v.windowed and v.source is source]
    services = [s.full_name for s in registry.services.values() if s.spine is source]
    repeats = f"{source.unique_id}; repeats are known for {duration_name(source.horizon)}"
    return [
        ("model", source.model),
        ("landing", source.landing),
        ("stream", source.stream),
        ("max lag", source.max_lag if source.stream else ""),
        ("max dead letters", str(source.max_dead_letters) if source.stream else ""),
        ("fresh within", source.fresh_within),
        ("max refused", f"{source.max_refused:.0%}" if source.landing else ""),
        ("unique id", repeats),
        ("event time", source.event_time),
        ("arrival time", source.arrival_time),
        ("owner", source.owner),
        ("tags", ", ".join(source.tags)),
        ("views", ", ".join(views)),
        ("spine of", ", ".join(services)),
    ]


def of_entity(registry: Registry, entity: type[Entity]) -> Facts:
    """An entity: its keys, what is known of it, and how requests come by it."""
    parts = [f"{key} of {part.name}" for key, part in entity.parts.items()]
    pairs = [e.name for e in registry.entities.values() if entity in e.parts.values()]
    services = [s.full_name for s in registry.services.values() if entity in s.keys]
    return [
        ("keys", ", ".join(f"{key}: {kind.value}" for key, kind in entity.keys.items())),
        ("pair of", ", ".join(parts)),
        ("views", ", ".join(v.name for v in registry.views.values() if v.entity is entity)),
        ("pairs", ", ".join(pairs)),
        ("reached by", ", ".join(f.name for f in uses.leads_to(registry, entity))),
        ("key of", ", ".join(services)),
    ]


def of_service(registry: Registry, service: FeatureService) -> Facts:
    """A service: what a request brings, and what it reads."""
    plan = registry.plans[service.full_name]
    others = [one.full_name for one in registry.versions(service.name) if one is not service]
    inputs = [f"{i.column} (required)" if i.required else i.column for i in plan.inputs]
    return [
        ("keys", ", ".join(service.request_keys)),
        ("inputs", ", ".join(inputs)),
        ("candidates", render(service.candidates.where) if service.candidates else ""),
        ("spine", service.spine.name),
        ("features", str(len(service.features))),
        ("other versions", ", ".join(others)),
        ("owner", service.owner),
        ("tags", ", ".join(service.tags)),
        *((f"{read.view.name} by", plan.ways(read)) for read in plan.reads),
    ]


def kind_of_view(view: View) -> str:
    """What a view is made from: windows of events, a model's latest row, or the request."""
    if not issubclass(view, FeatureView):
        return "request"
    return "windows" if view.windowed else "latest row"


def kind_of(column: Feature | Column) -> str:
    """The type of a feature or of a source's column, as it is annotated."""
    if isinstance(column, Feature):
        return column.value_type.name
    return f"{column.kind.value} | None" if column.nullable else column.kind.value


def default(column: Feature | Column) -> str:
    """What a feature is where it has no value; nothing for null, and of what always has one."""
    if isinstance(column, Column | Computed) or column.default is None:
        return ""
    return repr(column.default)


def _constraints(bounds: Constraints) -> str:
    told = []
    if bounds.least is not None:
        told.append(f"at least {bounds.least}")
    if bounds.greatest is not None:
        told.append(f"at most {bounds.greatest}")
    if bounds.one_of is not None:
        told.append(f"one of {', '.join(map(repr, bounds.one_of))}")
    if bounds.null_share is not None:
        told.append(f"at most {bounds.null_share:.3%} null")
    return "; ".join(told)


def _made_from(feature: Feature) -> Facts:
    if isinstance(feature, Computed):
        return [("expression", render(feature.expression))]
    if isinstance(feature, Input):
        return [("from", "the request" + (", which must bring it" if feature.required else ""))]
    if isinstance(feature, Attribute):
        return [("key of", feature.key_of.name if feature.key_of else "")]
    assert isinstance(feature, Aggregated)
    measure, window = feature.measure, feature.window
    over = ""
    if window is not None and window.bounded:
        over = f"{window.name}, its tail in hops of {duration_name(window.hop)}"
    number = "" if measure.length is None else f", {measure.length}"
    return [
        ("aggregate", f"{measure.function.name}({measure.column or ''}{number})"),
        ("filter", render(measure.where) if measure.where is not None else ""),
        ("window", over or "unbounded"),
    ]


def _of_view(view: type[Definition]) -> Facts:
    if not issubclass(view, FeatureView):
        return []
    return [
        ("entity", f"{view.entity.name} ({', '.join(view.entity.keys)})"),
        ("source", view.source.name if view.windowed else ""),
        ("model", view.model),
        ("ttl", view.ttl),
        ("near, at most behind", view.near),
    ]


def _limits(view: View) -> Facts:
    """What holds a view back, besides values that its features' constraints do not allow."""
    if not issubclass(view, FeatureView):
        return []
    return [
        ("fresh within", view.fresh_within),
        ("max null shift", f"{view.max_null_shift:.0%}"),
        ("fewer rows", f"{view.gate.fewer_rows:.0%}"),
    ]


def _used_by(registry: Registry, features: Iterable[Feature]) -> Facts:
    wanted: set[Expr] = set(features)
    return [
        ("services", ", ".join(uses.services(registry, wanted))),
        ("expressions", ", ".join(uses.expressions(registry, wanted))),
    ]


def _reached(registry: Registry, features: Iterable[Feature]) -> Facts:
    return [(f"reached in {name}", way) for name, way in uses.ways(registry, set(features))]
