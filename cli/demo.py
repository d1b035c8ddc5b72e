"""The deployment's demonstration: a module of its own, named by `demo` in slate.toml."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol, cast

from rich.console import RenderableType

from slate.cli.text import Say
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.online import FeatureClient


@dataclass(frozen=True)
class Stage:
    """What a demonstration plays on while its streams are applied.

    Attributes:
        deployment: the deployment.
        connect: connects a client, also one of more definitions than the deployment's own.
        write: writes events to the stream of this name, all or none; gives their arrival in
            microseconds.
        rate: how many events a second it is to write.
        seconds: how long it is to play.
        stop: set when it is over, maybe sooner.
    """

    deployment: Deployment
    connect: Callable[[Deployment], FeatureClient]
    write: Callable[[str, Any], int]
    rate: float
    seconds: float
    stop: Event


class Play(Protocol):
    """What plays, in threads of its own."""

    def step(self) -> None:
        """Called once a second, before it is asked for what there is to see."""

    def view(self) -> RenderableType:
        """What there is to see."""

    def line(self) -> str:
        """The same in a few words."""

    def results(self) -> dict[str, float]:
        """What came of it in the end; NaN where nothing did."""


class Demo(Protocol):
    """What such a module has. ``say`` tells of progress."""

    def prepare(self, deployment: Deployment, say: Say) -> None:
        """Bring the landing files up to now, where they are of its making."""

    def show(self, client: FeatureClient, deployment: Deployment, say: Say) -> None:
        """Use the features that were published, and print what came of it."""

    def live(self, stage: Stage) -> AbstractContextManager[Play]:
        """Write events in real time, and show what comes of them, until it is left."""


def demo(deployment: Deployment) -> Demo | None:
    """The deployment's demonstration, None if it has none.

    Raises:
        ConfigurationError: there is no such module.
    """
    if not deployment.demo:
        return None
    deployment.make_importable()
    try:
        return cast(Demo, importlib.import_module(deployment.demo))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the demonstration {deployment.demo!r} cannot be imported ({error}): set `demo` in "
            "slate.toml to a module on the Python path, or leave it empty"
        ) from error
