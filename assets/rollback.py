"""Rolling views back: older generations live again, and gates that compare with what these are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slate.deployment import Deployment
from slate.online import Moved, Publisher
from slate.quality.last_good_profiles import go_back
from slate.views import FeatureView


@dataclass(frozen=True)
class RollbackRequest:
    """What is rolled back, and how; its settings are those of ``Publisher.rollback``.

    Attributes:
        views: the names of views; none where a publish is rolled back.
        publish: the id of a publish, or how that begins: all that is live of it is rolled back.
        to: the generation that is to be live; None for the one that was before.
        rebuild: whether a view may be MISSING until workers have made anew what streamed.
        pin: whether no publish takes their place until they are unpinned.
    """

    views: Sequence[str]
    publish: str
    to: str | None
    rebuild: bool
    pin: bool


@dataclass(frozen=True)
class RolledBack:
    """What was rolled back.

    Attributes:
        moved: each view, and from what to what.
        gates_left: the names of views whose gates go on comparing with the last good run, as what
            the older generation was like is not kept.
    """

    moved: Sequence[tuple[type[FeatureView], Moved]]
    gates_left: Sequence[str]

    @property
    def warning(self) -> str:
        """What is to be known of gates; empty if they compare with what is live."""
        if not self.gates_left:
            return ""
        return (
            f"gates of {', '.join(self.gates_left)} go on comparing with the last good run, as "
            "what the older generation was like is not kept: if that holds the next run back, see "
            "`slate accept`"
        )


def roll_back(
    deployment: Deployment,
    request: RollbackRequest,
    progress: Callable[[str], None] = lambda text: None,
) -> RolledBack:
    """Make older generations of views live again, of all of them in one step.

    Args:
        deployment: the deployment.
        request: what is rolled back, and how.
        progress: told of what a publish is live.

    Raises:
        UnknownNameError: there is no view of some name.
        StoreError: the store fails, or one of the views cannot be rolled back; none is.
    """
    registry = deployment.registry
    views = [registry.view(name) for name in dict.fromkeys(request.views)]
    with Publisher.connect(deployment) as store:
        if request.publish:
            publish, views = store.views_of_publish(registry, request.publish)
            progress(f"publish {publish} is live of {len(views)} views")
        moved = store.rollback(*views, to=request.to, rebuild=request.rebuild, pin=request.pin)
    left = go_back(deployment.reports, [(one.view, one.live.as_of) for one in moved])
    return RolledBack(list(zip(views, moved, strict=True)), left)
