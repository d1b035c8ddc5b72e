"""What a deployment's own modules make, which slate.toml names: assets, and rankings."""

import importlib
from typing import Any

from slate.deployment import Deployment
from slate.errors import ConfigurationError


def made_by(deployment: Deployment, function: str, module: str) -> Any:
    """What a function makes of a deployment, in a module that slate.toml names; None without one.

    Args:
        deployment: the deployment.
        function: the function's name, and that of the setting.
        module: the module's dotted name; empty if none is named.

    Raises:
        ConfigurationError: the module cannot be imported, or has no such function.
    """
    if not module:
        return None
    deployment.make_importable()
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"the {function} {module!r} cannot be imported ({error}): set `{function}` in "
            "slate.toml to a module on the Python path, or leave it empty"
        ) from error
    make = getattr(found, function, None)
    if not callable(make):
        raise ConfigurationError(
            f"{module} has no function `{function}`: write `def {function}(deployment): ...`"
        )
    return make(deployment)
