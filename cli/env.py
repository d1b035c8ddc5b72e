"""`slate env`: the previews that there are, and removing one."""

import json
import sys
from argparse import Namespace
from datetime import UTC, datetime

from slate.assets.previews import Preview, previews, remove
from slate.cli.text import table
from slate.deployment import load
from slate.time_words import minute


def run(options: Namespace) -> int:
    """List previews, or remove one."""
    deployment = load().production
    if options.action == "remove":
        removed = remove(deployment, options.name)
        print(f"{options.name}: {removed.keys:,} keys and {removed.size / 1e6:,.1f} MB removed")
        return 0
    found = previews(deployment)
    if options.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    elif found:
        print(
            table([_row(one) for one in found], head=("preview", "built", "MB", "keys", "folder"))
        )
    else:
        print(
            f"{deployment.name} has no previews: `slate run --env NAME` makes one", file=sys.stderr
        )
    return 0


def _row(one: Preview) -> tuple[str, ...]:
    return (
        one.name,
        minute(_built(one)) if one.built is not None else "never",
        f"{one.size / 1e6:,.1f}",
        "its own store" if one.keys is None else f"{one.keys:,}",
        str(one.folder),
    )


def _as_json(one: Preview) -> dict[str, object]:
    return {
        "name": one.name,
        "built": None if one.built is None else _built(one).isoformat(timespec="seconds"),
        "bytes": one.size,
        "keys": one.keys,
        "folder": str(one.folder),
    }


def _built(one: Preview) -> datetime:
    return datetime.fromtimestamp(one.built or 0, UTC)
