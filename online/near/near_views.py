"""The near views of a process that serves: those that it keeps, and those that another keeps."""

import time
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

from slate.deployment import Deployment
from slate.online.near.keeper import Keeper
from slate.online.near.near_view import NearView
from slate.online.near.shared_view import SharedView
from slate.online.near.sharing import Sharing, can_be_shared

_POLL = 0.01
_all: "WeakValueDictionary[int, NearViews]" = WeakValueDictionary()


def seconds_behind() -> dict[str, float]:
    """How many seconds ago each view was in step with the store; of those that this process reads.

    Where several clients have one, it is that of the one furthest behind.
    """
    found: dict[str, float] = {}
    # Others may come meanwhile: not every way of going through them bears that.
    for near in [near for ref in _all.valuerefs() if (near := ref()) is not None]:
        for view, seconds in near.behind.items():
            found[view] = max(seconds, found.get(view, 0.0))
    return found


class NearViews:
    """The near views of a deployment.

    Args:
        keeper: keeps those of this process; None if there are none.
        shared: those that another process keeps, by their names.
    """

    def __init__(self, keeper: Keeper | None, shared: dict[str, SharedView] | None = None) -> None:
        self._keeper = keeper
        self._shared = shared or {}
        _all[id(self)] = self

    @classmethod
    def of(cls, deployment: Deployment, address: str, shared: Path | None = None) -> Self | None:
        """The near views of a deployment, kept from now on; None if it has none.

        Args:
            deployment: the deployment.
            address: its store's.
            shared: where another process shows those that it keeps, see ``keep``.
        """
        near = [view for view in deployment.registry.views.values() if view.near_us is not None]
        others = [view for view in near if shared is not None and can_be_shared(view)]
        own = [view for view in near if view not in others]
        if not near:
            return None
        keeper = Keeper.of(deployment, address, own) if own else None
        return cls(keeper, {view.name: SharedView(view, shared) for view in others if shared})

    def get(self, view: str) -> NearView[Any, Any] | None:
        """A view of these, by its name."""
        if view in self._shared:
            return self._shared[view]
        return self._keeper.get(view) if self._keeper is not None else None

    @property
    def behind(self) -> dict[str, float]:
        """How many seconds ago each view was in step with the store; of those that ever were."""
        now = time.monotonic()
        return {one.view.name: now - one.synced for one in self._now() if one.synced}

    @property
    def ready(self) -> bool:
        """Whether all that is published of them can be taken."""
        return all(one.known for one in self._now())

    def wait(self, timeout: float) -> bool:
        """Wait until they are ready; whether they are.

        Args:
            timeout: for how many seconds at most.
        """
        until = time.monotonic() + timeout
        while not self.ready:
            if time.monotonic() > until:
                return False
            time.sleep(_POLL)
        return True

    def close(self) -> None:
        """Stop keeping them; what is held soon is too far behind."""
        _all.pop(id(self), None)
        if self._keeper is not None:
            self._keeper.close()
        for one in self._shared.values():
            one.close()

    def _now(self) -> list[NearView[Any, Any]]:
        """All of them as they are by now."""
        kept = self._keeper.kept if self._keeper is not None else ()
        views: list[NearView[Any, Any]] = [*kept, *self._shared.values()]
        for one in views:
            one.refresh()
        return views


def keep(deployment: Deployment, address: str, folder: Path) -> Keeper:
    """Keep what near views processes can share, for those that are given the folder.

    Args:
        deployment: the deployment.
        address: its store's.
        folder: of this process alone.
    """
    views = [
        view
        for view in deployment.registry.views.values()
        if view.near_us is not None and can_be_shared(view)
    ]
    return Keeper.of(deployment, address, views, Sharing(folder))
