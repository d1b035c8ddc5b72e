"""`slate rollback`: older generations of views made live again, at once."""

import sys
from argparse import Namespace
from functools import partial

from slate.assets.rollback import RollbackRequest, roll_back
from slate.cli.text import shown_instant
from slate.deployment import load
from slate.errors import ConfigurationError
from slate.online import Moved


def run(options: Namespace) -> int:
    """Roll back, and tell from what to what."""
    deployment = load()
    if bool(options.views) == bool(options.publish):
        raise ConfigurationError(
            "say what is rolled back: names of views, or `--publish ID` for all that is live of a "
            "publish; `slate generations` lists both"
        )
    request = RollbackRequest(
        options.views, options.publish, options.to, options.rebuild, options.pin
    )
    found = roll_back(deployment, request, partial(print, file=sys.stderr))
    for _, moved in found.moved:
        print(told(moved))
    if found.warning:
        print(found.warning, file=sys.stderr)
    if options.pin:
        print("until `slate unpin` no publish takes their place", file=sys.stderr)
    else:
        print("the next publish goes live in their place: `--pin` holds it back", file=sys.stderr)
    return 0


def told(moved: Moved) -> str:
    """A view's roll back in a line."""
    line = (
        f"{moved.view}: from {moved.left.name} to {moved.live.name}, as of "
        f"{shown_instant(moved.live.as_of)}"
    )
    if moved.rebuilt:
        line += "; MISSING until workers (`slate stream`) have made its stream's rows anew"
    return line
