"""What the live demonstration is given to play on."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from threading import Event
from typing import Any, Protocol

from slate.deployment import Deployment
from slate.errors import StoreError


class Client(Protocol):
    """What is asked for features: a `slate.online.FeatureClient`."""

    def get(self, service: str, /, at: datetime | None = None, **keys_and_inputs: Any) -> Any:
        """The answer to a request."""


class Stage(Protocol):
    """A `slate.cli.demo.Stage`."""

    @property
    def deployment(self) -> Deployment:
        """The deployment."""

    @property
    def connect(self) -> Callable[[Deployment], AbstractContextManager[Client]]:
        """Connects a client, also one of more definitions than the deployment's own."""

    @property
    def write(self) -> Callable[[str, Any], int]:
        """Writes events to a stream; gives their arrival in microseconds."""

    @property
    def rate(self) -> float:
        """Events a second."""

    @property
    def seconds(self) -> float:
        """How long it is to play."""

    @property
    def stop(self) -> Event:
        """Set when it is over."""


def ask(client: Client, service: str, **keys: Any) -> Any:
    """The answer to a request.

    Raises:
        StoreError: the store does not answer.
    """
    answer = client.get(service, **keys)
    if answer.errors:
        raise StoreError(answer.errors[0])
    return answer
