"""A deployment's own assets, as of a model that is trained on a training set."""

from collections.abc import Sequence

import dagster as dg

from slate.deployment import Deployment
from slate.own_modules import made_by


def own_assets(deployment: Deployment) -> Sequence[dg.AssetsDefinition]:
    """What the function ``assets`` of the module makes that slate.toml names; none without one.

    The whole chain makes them with its own. Of a training set one depends by the key
    ``slate.asset_keys.training_path(service)``.

    Raises:
        ConfigurationError: the module cannot be imported, or has no such function.
    """
    found: Sequence[dg.AssetsDefinition] | None = made_by(deployment, "assets", deployment.assets)
    return found or ()
