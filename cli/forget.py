"""`slate forget`: all that Slate keeps of an entity deleted, and the proof of it."""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from slate.assets.forgetting.looked import Looked
from slate.cli import processes
from slate.cli.text import Clock, table
from slate.compile.project import require_up_to_date
from slate.deployment import load
from slate.locks.standing import standing
from slate.online.store.redis_client import connect
from slate.subjects import Subjects

_HEAD = ("place", "looked at", "", "found")


def run(options: Namespace) -> int:
    """Forget what is named, or tell what there is of it; then print what was looked at."""
    say = Clock()
    deployment = load()
    subjects = Subjects.of(deployment.registry, options.subjects)
    if not options.dry_run:
        require_up_to_date(deployment.registry, deployment.dbt_project)
        standing(deployment).require_kept()
    processes.prepare(deployment)
    # Only now, as it takes seconds.
    from slate.orchestration.forgetting import Forgetting

    with processes.store(deployment) as store, connect(store.address) as redis:
        forgetting = Forgetting(deployment, subjects, redis, store.address, store.server, say)
        if not options.dry_run and not forgetting.run():
            say(
                "their rows are deleted, and what is made of them is not made anew yet: mend what "
                "failed (`slate accept` where a view is held back as so much of it is gone), and "
                "run this again"
            )
            return 1
        looked = forgetting.search()
    if options.json:
        print(json.dumps(_as_json(looked, forgetting.notes, options.dry_run)))
    else:
        _print(looked, forgetting.notes, subjects, dry_run=options.dry_run)
    is_left = any(one.found or one.unread for one in looked)
    return int(is_left and not options.dry_run)


def _print(
    looked: Sequence[Looked], notes: Sequence[str], subjects: Subjects, *, dry_run: bool
) -> None:
    shown = [one for one in looked if one.found or one.unread] if dry_run else looked
    if shown:
        cells = [(one.place, f"{one.number:,}", one.what, f"{one.found:,}") for one in shown]
        print(table(cells, head=_HEAD))
    for one in looked:
        for where in one.where:
            print(f"found in {one.place}: {where}")
        for why in one.unread:
            print(f"not looked at: {why}")
    for note in notes:
        print(f"note: {note}")
    found, unread = sum(one.found for one in looked), sum(len(one.unread) for one in looked)
    if found or unread:
        left = "would go" if dry_run else "is left"
        print(f"\nof {subjects}: {found:,} {left}, {unread:,} could not be looked at")
    else:
        print(f"\nof {subjects} nothing was found")


def _as_json(looked: Sequence[Looked], notes: Sequence[str], dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "found": sum(one.found for one in looked),
        "places": [vars(one) for one in looked],
        "notes": list(notes),
    }
