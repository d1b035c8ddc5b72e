"""The near path: the same answers from rows that are kept in the process."""

from datetime import datetime
from typing import Any

from slate.deployment import Deployment
from slate.online import Answer
from slate.online.near.keeper import NearViews
from slate.online.serving.live_services import Serving
from slate.online.store.cluster_connections import connections_to
from slate.online.store.redis_client import connect
from tests.parity.answers import micros

TIMEOUT = 5.0


class NearPath:
    """A client of near views, which are brought in step by hand before each request.

    Args:
        deployment: whose views they are.
        address: the store's.
    """

    def __init__(self, deployment: Deployment, address: str) -> None:
        self._at = 0
        self._views = {v.name for v in deployment.registry.views.values() if v.near_us is not None}
        self.near = NearViews(
            connect(address), deployment.name, deployment.registry, lambda: self._at
        )
        self._serving = Serving(deployment.registry, deployment.name, 0, near=self.near)
        self._connections = connections_to(address, TIMEOUT)

    def get(self, service: str, at: datetime, given: dict[str, Any]) -> Answer:
        """The answer to a request, as of an instant that the near views take for the present."""
        self._at = micros(at)
        self.step()
        return self._connections.run(self._serving.lookup(service, at, given))

    def step(self) -> None:
        """Get in step with the store, all of it."""
        while self.near.step() or not self.near.ready:
            pass

    def require_near(self, answer: Answer) -> None:
        """See that an answer came from near views, where there are any."""
        read = {name: state.behind for name, state in answer.states.items() if name in self._views}
        assert all(behind > 0 for behind in read.values()), f"asked the store: {read}"

    def close(self) -> None:
        """Close all connections."""
        self.near.close()
        self._connections.close()
