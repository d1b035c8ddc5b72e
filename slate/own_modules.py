"""What a deployment's own modules make, which slate.toml names: assets, and rankings."""

import importlib
from typing import Any

from slate.deployment import Deployment
from slate.errors import ConfigurationError, SlateError
from slate.importing import place_of_error


def made_by(deployment: Deployment, function: str, module: str) -> Any:
    """What a function makes of a deployment, in a module that slate.toml names; None without one.

    Args:
        deployment: the deployment.
        function: the function's name, and that of the setting.
        module: the module's dotted name; empty if none is named.

    Raises:
        ConfigurationError: the module cannot be imported, has no such function, or it fails.
    """
    if not module:
        return None
    deployment.make_importable()
    try:
        found = importlib.import_module(module)
    except SlateError:
        raise
    except ImportError as error:
        raise ConfigurationError(
            f"the {function} {module!r} cannot be imported ({error}): set `{function}` in "
            "slate.toml to a module on the Python path, or leave it empty"
        ) from error
    except Exception as error:
        raise _failed(f"the {function} {module!r} cannot be imported", error) from error
    make = getattr(found, function, None)
    if not callable(make):
        raise ConfigurationError(
            f"{module} has no function `{function}`: write `def {function}(deployment): ...`"
        )
    try:
        return make(deployment)
    except SlateError:
        raise
    except Exception as error:
        raise _failed(f"{function}(deployment) of {module!r} fails", error) from error


def _failed(what: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{place_of_error(error)}{type(error).__name__}: {error}: {what} until that is fixed"
    )
