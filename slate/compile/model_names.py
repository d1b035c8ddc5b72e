"""What the generated models are called."""

from slate.features import Attribute
from slate.plans import Plan
from slate.services import FeatureService
from slate.views import FeatureView
from slate.windows import duration_name

AS_OF = "as_of"
STREAMED_UNTIL = "streamed_until"
CLOCK = "clock"
HELD = "held"
RAW = "raw"


def tiles_model(view: type[FeatureView]) -> str:
    """The model that keeps a windowed view's tiles."""
    return f"{view.name}_tiles"


def current_model(view: type[FeatureView]) -> str:
    """The model that holds a view's values at the end of what is known."""
    return f"{view.name}_current"


def online_keys_model(view: type[FeatureView]) -> str:
    """The model that holds a windowed view's keys as they are published."""
    return f"{view.name}_online_keys"


def online_tiles_model(view: type[FeatureView]) -> str:
    """The model that holds a windowed view's tiles as they are published."""
    return f"{view.name}_online_tiles"


def view_models(view: type[FeatureView]) -> tuple[str, ...]:
    """The models that are generated of a view, but for those of spines."""
    if view.windowed:
        return tiles_model(view), *state_models(view)
    return state_models(view)


def state_models(view: type[FeatureView]) -> tuple[str, ...]:
    """The models that hold a view's state at the end of what is known."""
    if view.windowed:
        return current_model(view), online_keys_model(view), online_tiles_model(view)
    return (current_model(view),)


def asked_model(plan: Plan, view: type[FeatureView]) -> str:
    """The model that holds a view's values at the instants that a service's spine asks about.

    Services that come by the view's keys in the same way from the same spine share it.
    """
    ways = "".join(f"__by_{way}" for way in _ways(plan, view))
    return f"{plan.service.spine.name}__{view.name}{ways}"


def _ways(plan: Plan, view: type[FeatureView]) -> list[str]:
    """The attributes that a view's keys are the values of, each with those on the way to it."""
    found = []
    for way in plan.read(view).keys.values():
        if isinstance(way, Attribute):
            assert isinstance(way.view, type)
            assert issubclass(way.view, FeatureView)
            found += [f"{way.view.name}_{way.column}", *_ways(plan, way.view)]
    return found


def training_model(service: FeatureService) -> str:
    """The model that holds a service's spine with all stored features beside it."""
    return service.full_name


def exposure(service: FeatureService) -> str:
    """What dbt knows a service by, which reads its training model."""
    return f"{service.full_name}_service"


def level_name(hop: int) -> str:
    """What the part of a window that tiles of this size pay for is called."""
    return f"tiles_{duration_name(hop)}"
