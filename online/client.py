"""The clients: what a service's features are asked for through."""

from contextlib import aclosing, closing
from datetime import datetime
from typing import Any, Self

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from online.answer import Answer
from online.embedded import EmbeddedServer
from online.explain import explain
from online.serving import Serving
from online.store import AsyncChannel, Channel, connect, connect_async, open_store
from slate.deployment import Deployment, load
from slate.errors import StoreError

TIMEOUT = 0.5
REFRESH = 1.0


class FeatureClient:
    """Serves features, in process, from the online store.

    ::

        with FeatureClient.connect() as client:
            answer = client.get("ranking", user_id="u1", item_id=["i1", "i2"])
            scores = model.predict(answer.matrix())

    It can be shared by threads. A store that does not answer costs a request its values, never its
    answer: they are the declared defaults then, and ``Answer.errors`` and ``Answer.states`` say so.

    Args:
        serving: the definitions and what is live.
        redis: a client of the store.
        server: a server that is closed with the client.
    """

    def __init__(
        self, serving: Serving, redis: Redis, server: EmbeddedServer | None = None
    ) -> None:
        self._serving = serving
        self._redis = redis
        self._server = server

    @classmethod
    def connect(
        cls,
        deployment: Deployment | None = None,
        *,
        timeout: float = TIMEOUT,
        refresh: float = REFRESH,
    ) -> Self:
        """A client of a deployment.

        Args:
            deployment: by default the one of slate.toml.
            timeout: after how many seconds a read is given up.
            refresh: for how many seconds a generation is taken for live without asking again, and a
                store that failed is left alone.

        Raises:
            StoreError: the embedded server cannot be started.
        """
        deployment = deployment or load()
        serving = Serving(deployment.registry, deployment.name, refresh, deployment.clock)
        address, server = open_store(deployment)
        return cls(serving, connect(address, timeout), server)

    def get(self, service: str, /, at: datetime | None = None, **keys_and_inputs: Any) -> Answer:
        """The values of a service's features.

        Args:
            service: the service's name, also with its version ("ranking_v1").
            at: the instant to ask about, UTC if it has no zone; None for now, by the deployment's
                clock.
            keys_and_inputs: the service's keys, and what its request features take in: one value
                for all rows, or a list, an array or an Arrow column of a value per row.

        Raises:
            RequestError: the service or a keyword is unknown, a key is missing or of another type,
                lengths differ, or ``at`` lies before what is published.
        """
        flow = self._serving.lookup(service, at, keys_and_inputs)
        with closing(Channel(self._redis)) as channel:
            try:
                command = next(flow)
                while True:
                    try:
                        reply = channel.exchange(command)
                    except (RedisError, OSError) as error:
                        command = flow.throw(_unreadable(error))
                    else:
                        command = flow.send(reply)
            except StopIteration as end:
                answer: Answer = end.value
                return answer

    def explain(self, service: str) -> str:
        """How a service's features are come by, in words.

        Raises:
            RequestError: there is no such service.
        """
        return explain(self._serving.plan(service))

    def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this client."""
        self._redis.close()
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncFeatureClient:
    """A ``FeatureClient`` for asynchronous applications."""

    def __init__(
        self, serving: Serving, redis: AsyncRedis, server: EmbeddedServer | None = None
    ) -> None:
        self._serving = serving
        self._redis = redis
        self._server = server

    @classmethod
    def connect(
        cls,
        deployment: Deployment | None = None,
        *,
        timeout: float = TIMEOUT,
        refresh: float = REFRESH,
    ) -> Self:
        """A client of a deployment; see ``FeatureClient.connect``."""
        deployment = deployment or load()
        serving = Serving(deployment.registry, deployment.name, refresh, deployment.clock)
        address, server = open_store(deployment)
        return cls(serving, connect_async(address, timeout), server)

    async def get(
        self, service: str, /, at: datetime | None = None, **keys_and_inputs: Any
    ) -> Answer:
        """The values of a service's features; see ``FeatureClient.get``."""
        flow = self._serving.lookup(service, at, keys_and_inputs)
        async with aclosing(AsyncChannel(self._redis)) as channel:
            try:
                command = next(flow)
                while True:
                    try:
                        reply = await channel.exchange(command)
                    except (RedisError, OSError) as error:
                        command = flow.throw(_unreadable(error))
                    else:
                        command = flow.send(reply)
            except StopIteration as end:
                answer: Answer = end.value
                return answer

    def explain(self, service: str) -> str:
        """How a service's features are come by; see ``FeatureClient.explain``."""
        return explain(self._serving.plan(service))

    async def close(self) -> None:
        """Close the connections, and the embedded server if it was started for this client."""
        await self._redis.aclose()
        if self._server is not None:
            self._server.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _unreadable(error: Exception) -> StoreError:
    return StoreError(f"the online store cannot be read ({error})")
