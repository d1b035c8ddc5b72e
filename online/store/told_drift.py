"""How far what is served is from what was trained, as the latest audit told the store.

::

    <deployment>:drift      by service's full name, what was found as JSON

Who looks at a deployment, and Prometheus, reads it here: files of the log are elsewhere.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from redis import Redis


@dataclass(frozen=True)
class ToldDrift:
    """What was found of a service.

    Attributes:
        service: its full name.
        at: up to when what was served is compared (ISO 8601, UTC).
        served: how many rows that were served were looked at.
        trained: how many of the training set.
        psi: by feature, the population stability index of both; the greatest first.
        limit: what the service allows; None if it says nothing.
    """

    service: str
    at: str
    served: int
    trained: int
    psi: Mapping[str, float]
    limit: float | None = None

    @property
    def beyond(self) -> dict[str, float]:
        """The features that are further apart than is allowed."""
        if self.limit is None:
            return {}
        return {name: psi for name, psi in self.psi.items() if psi > self.limit}

    @property
    def instant(self) -> datetime:
        """``at`` as an instant."""
        return datetime.fromisoformat(self.at)


def tell(redis: Redis, deployment: str, drift: ToldDrift) -> None:
    """Tell of a service, in the place of what was told before.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    store.hset(_name(deployment), drift.service, json.dumps(asdict(drift)))


def told(redis: Redis, deployment: str, services: Mapping[str, Any]) -> list[ToldDrift]:
    """What was told of services that there are.

    What is damaged, or was told by another version of Slate, is as if it had not been told: the
    next audit takes its place.

    Raises:
        RedisError: the store fails.
    """
    store: Any = redis
    found: list[ToldDrift] = []
    for _, value in sorted(store.hgetall(_name(deployment)).items()):
        with suppress(ValueError, TypeError, AttributeError):
            one = ToldDrift(**json.loads(value))
            if one.service in services and one.instant and one.beyond is not None:
                found.append(one)
    return found


def _name(deployment: str) -> str:
    return f"{deployment}:drift"
