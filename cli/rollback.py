"""`slate rollback`: older generations of views made live again, at once."""

import sys
from argparse import Namespace

from slate.cli.text import instant
from slate.deployment import load
from slate.errors import ConfigurationError
from slate.online import Moved, Publisher
from slate.quality.last_good_profiles import go_back

NOT_KEPT = (
    "go on comparing with the last good run, as what the older generation was like is not kept: if "
    "that holds the next run back, see `slate accept`"
)


def run(options: Namespace) -> int:
    """Roll back, and tell from what to what."""
    deployment = load()
    registry = deployment.registry
    views = [registry.view(name) for name in dict.fromkeys(options.views)]
    if bool(views) == bool(options.publish):
        raise ConfigurationError(
            "say what is rolled back: names of views, or `--publish ID` for all that is live of a "
            "publish; `slate generations` lists both"
        )
    with Publisher.connect(deployment) as store:
        if options.publish:
            publish, views = store.views_of_publish(registry, options.publish)
            print(f"publish {publish} is live of {len(views)} views", file=sys.stderr)
        moved = store.rollback(*views, to=options.to, rebuild=options.rebuild, pin=options.pin)
    unknown = go_back(deployment.reports, [(one.view, one.live.as_of) for one in moved])
    for one in moved:
        print(told(one))
    if unknown:
        print(f"gates of {', '.join(unknown)} {NOT_KEPT}", file=sys.stderr)
    if options.pin:
        print("until `slate unpin` no publish takes their place", file=sys.stderr)
    else:
        print("the next publish goes live in their place: `--pin` holds it back", file=sys.stderr)
    return 0


def told(moved: Moved) -> str:
    """A view's roll back in a line."""
    line = (
        f"{moved.view}: from {moved.left.name} to {moved.live.name}, as of "
        f"{instant(moved.live.as_of)}"
    )
    if moved.rebuilt:
        line += "; MISSING until workers (`slate stream`) have made its stream's rows anew"
    return line
