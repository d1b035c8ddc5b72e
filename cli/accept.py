"""`slate accept`: a change of views from their last good run is meant."""

from argparse import Namespace

from slate.deployment import load
from slate.quality.acceptance import Acceptance, accept


def run(options: Namespace) -> int:
    """Let the next run of views pass, though they moved."""
    deployment = load()
    views = [deployment.registry.view(name) for name in options.views]
    at = deployment.now().isoformat(timespec="seconds")
    for view in views:
        accept(deployment.reports, view.name, Acceptance(options.because, at))
        print(f"{view.name}: the next run may differ from the last good one")
    return 0
