"""A deployment's own assets, as of a model that is trained on a training set."""

import importlib
from collections.abc import Sequence

import dagster as dg

from slate.deployment import Deployment
from slate.errors import ConfigurationError


def own_assets(deployment: Deployment) -> Sequence[dg.AssetsDefinition]:
    """What the function ``assets`` of the module makes that slate.toml names; none without one.

    The whole chain makes them with its own. Of a training set one depends by the key
    ``slate.asset_keys.training_path(service)``.

    Raises:
        ConfigurationError: the module cannot be imported, or has no such function.
    """
    if not deployment.assets:
        return ()
    deployment.make_importable()
    try:
        module = importlib.import_module(deployment.assets)
    except ImportError as error:
        raise ConfigurationError(
            f"the assets {deployment.assets!r} cannot be imported ({error}): set `assets` in "
            "slate.toml to a module on the Python path, or leave it empty"
        ) from error
    make = getattr(module, "assets", None)
    if not callable(make):
        raise ConfigurationError(
            f"{deployment.assets} has no function `assets`: write `def assets(deployment): ...`, "
            "which returns a list of Dagster assets"
        )
    found: Sequence[dg.AssetsDefinition] = make(deployment)
    return found
