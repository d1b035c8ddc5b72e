"""The near path: the same answers from rows that are kept in the process."""

from datetime import datetime
from pathlib import Path
from typing import Any

from slate.deployment import Deployment
from slate.online import Answer
from slate.online.near.keeper import Keeper
from slate.online.near.near_views import NearViews
from slate.online.near.shared_view import SharedView
from slate.online.near.sharing import Sharing, can_be_shared
from slate.online.serving.live_services import Serving
from slate.online.store.cluster_connections import connections_to
from slate.online.store.redis_client import connect
from slate.views import FeatureView
from tests.parity.answers import micros

TIMEOUT, TRIES = 5.0, 10


class NearPath:
    """A client of near views, which are brought in step by hand before each request.

    Args:
        deployment: whose views they are.
        address: the store's.
        folder: where those that can be shared are shown, and read, as if by another process;
            None to read all from this one.
    """

    def __init__(self, deployment: Deployment, address: str, folder: Path | None = None) -> None:
        self._at = 0
        near = [v for v in deployment.registry.views.values() if v.near_us is not None]
        self._views = {view.name for view in near}
        shared = [view for view in near if folder is not None and can_be_shared(view)]
        own = [view for view in near if view not in shared]
        keeper = self._keeper(deployment, address, own, None) if own else None
        self._keepers = [keeper] if keeper is not None else []
        if shared and folder is not None:
            self._keepers.append(self._keeper(deployment, address, shared, Sharing(folder)))
        self.near = NearViews(keeper, {v.name: SharedView(v, folder) for v in shared if folder})
        self._serving = Serving(deployment.registry, deployment.name, 0, near=self.near)
        self._connections = connections_to(address, TIMEOUT)

    def get(self, service: str, at: datetime, given: dict[str, Any]) -> Answer:
        """The answer to a request, as of an instant that the near views take for the present."""
        self._at = micros(at)
        self.step()
        return self._connections.run(self._serving.lookup(service, at, given))

    def get_near(self, service: str, at: datetime, given: dict[str, Any]) -> Answer:
        """The same, asked again where a busy machine let near views fall too far behind."""
        for _ in range(TRIES):
            answer = self.get(service, at, given)
            if all(one.behind > 0 for name, one in answer.states.items() if name in self._views):
                return answer
        raise AssertionError(f"asked the store {TRIES} times, in place of {self._views}")

    def step(self) -> None:
        """Get in step with the store, all of it."""
        loading = True
        while loading or not self.near.ready:
            loading = any([keeper.step() for keeper in self._keepers])  # noqa: C419 (each of them)

    def keeper_of(self, view: str) -> Keeper:
        """What keeps a view."""
        return next(one for one in self._keepers if any(k.view.name == view for k in one.kept))

    def _keeper(
        self,
        deployment: Deployment,
        address: str,
        views: list[type[FeatureView]],
        sharing: Sharing | None,
    ) -> Keeper:
        redis, registry = connect(address), deployment.registry
        return Keeper(redis, deployment.name, registry, lambda: self._at, views, sharing)

    def close(self) -> None:
        """Close all connections."""
        self.near.close()
        for keeper in self._keepers:
            keeper.close()
        self._connections.close()
