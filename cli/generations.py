"""`slate generations`: what the online store has of each view, and what can be gone back to."""

import json
import sys
from argparse import Namespace
from typing import Any

from slate.cli.text import table
from slate.deployment import load
from slate.online import Publisher, StoredGeneration
from slate.time_words import minute

_HEAD = (
    "view",
    "generation",
    "",
    "published",
    "as of",
    "rows",
    "MB",
    "definition",
    "publish",
    "made live by",
)
# As Dagster shows the id of a run.
_SHORT = 8


def run(options: Namespace) -> int:
    """Print the generations, newest first, as tables or as JSON; or delete those that are old."""
    if options.keep is not None and not options.clean:
        print("slate generations: --keep says what --clean leaves: give both", file=sys.stderr)
        return 2
    deployment = load()
    registry = deployment.registry
    views = [registry.view(options.view)] if options.view else list(registry.views.values())
    with Publisher.connect(deployment) as store:
        if options.clean:
            for view in views:
                for name in store.clean(view, options.keep):
                    print(f"{view.name}: {name} is deleted")
            return 0
        found = store.generations(registry, views[0] if options.view else None)
    if options.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
        return 0
    if not found:
        print("nothing was published yet: run `slate run`", file=sys.stderr)
        return 0
    print(table(map(_cells, found), head=_HEAD))
    for one in found:
        if one.obstacle:
            print(f"\n{one.view}, {one.name}: {one.obstacle}")
    return 0


def _cells(one: StoredGeneration) -> tuple[str, ...]:
    told = one.told
    standing = f"{one.standing}, pinned" if one.pinned else str(one.standing)
    definition = "as now" if one.same_definition else f"another ({one.definition})"
    if told is None:
        return one.view, one.name, standing, "", "", "", "", definition, "", ""
    return (
        one.view,
        one.name,
        standing,
        minute(told.published_at),
        minute(told.as_of),
        f"{told.rows:,}",
        f"{told.size / 1e6:,.1f}",
        definition,
        told.publish[:_SHORT],
        _way(one),
    )


def _way(one: StoredGeneration) -> str:
    """How a generation is made live in place of the one that is."""
    if one.obstacle is not None:
        return "see below"
    if one.next_back:
        return "slate rollback VIEW"
    return "slate rollback VIEW --to GENERATION" if one.can_go_live else ""


def _as_json(one: StoredGeneration) -> dict[str, Any]:
    told = one.told
    return {
        "view": one.view,
        "generation": one.name,
        "standing": str(one.standing),
        "definition": one.definition,
        "same_definition": one.same_definition,
        "published_at": told and told.published_at.isoformat(),
        "as_of": told and told.as_of.isoformat(),
        "stream_from": told and told.stream_from and told.stream_from.isoformat(),
        "rows": told and told.rows,
        "bytes": told and told.size,
        "publish": told and told.publish,
        "pinned": one.pinned,
        "can_go_live": one.can_go_live,
        "obstacle": one.obstacle,
    }
