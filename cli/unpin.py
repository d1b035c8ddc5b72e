"""`slate unpin`: publishes of a view go live again."""

from argparse import Namespace

from slate.deployment import load
from slate.online import Publisher


def run(options: Namespace) -> int:
    """Unpin views."""
    deployment = load()
    views = [deployment.registry.view(name) for name in options.views]
    with Publisher.connect(deployment) as store:
        for view in views:
            done = store.unpin(view)
            print(f"{view.name}: {'the next publish goes live' if done else 'it was not pinned'}")
    return 0
