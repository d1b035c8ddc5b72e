"""`slate check`: do the definitions hold together, and is the generated SQL up to date?"""

from argparse import Namespace

from slate.cli.compile import require_up_to_date
from slate.deployment import load


def run(_: Namespace) -> int:
    """Load all definitions, which checks them, and compare the generated SQL."""
    deployment = load()
    registry = deployment.registry
    print(
        f"{deployment.name}: {len(registry.sources)} sources, {len(registry.views)} views, "
        f"{len(registry.features)} features, {len(registry.services)} services"
    )
    require_up_to_date(deployment)
    return 0
