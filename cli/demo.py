"""The deployment's demonstration: a module of its own, named by `demo` in slate.toml."""

import importlib
from typing import Protocol, cast

from cli.text import Say
from online import FeatureClient
from slate.deployment import Deployment
from slate.errors import ConfigurationError


class Demo(Protocol):
    """What such a module has. ``say`` tells of progress."""

    def prepare(self, deployment: Deployment, say: Say) -> None:
        """Bring the landing files up to now, where they are of its making."""

    def show(self, client: FeatureClient, deployment: Deployment, say: Say) -> None:
        """Use the features that were published, and print what came of it."""


def demo(deployment: Deployment) -> Demo | None:
    """The deployment's demonstration, None if it has none.

    Raises:
        ConfigurationError: there is no such module.
    """
    if not deployment.demo:
        return None
    try:
        return cast(Demo, importlib.import_module(deployment.demo))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the demonstration {deployment.demo!r} cannot be imported ({error}): set `demo` in "
            "slate.toml to a module on the Python path, or leave it empty"
        ) from error
