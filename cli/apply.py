"""`slate apply`: do what `slate plan` shows, and make it live in one step."""

import sys
from argparse import Namespace

from slate.assets.impact.changes import Changes
from slate.assets.impact.planner import changes_of
from slate.assets.impact.store_state import live_generations
from slate.cli import processes
from slate.cli.chain import bring_preview, catch_up_streams, chain
from slate.cli.plan import samples_of
from slate.cli.plan_report import text
from slate.cli.processes import TIMEOUT
from slate.cli.text import Clock, Say, heading, table
from slate.compile.project import require_up_to_date
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError, StoreError
from slate.fingerprints import fingerprint
from slate.locks.standing import LockStanding, lock_new, not_locked, standing
from slate.online.store.redis_client import connect
from slate.online.stream.workers.catching_up import CaughtUp, lacking


def run(options: Namespace) -> int:
    """Show the plan, ask, build, check, publish together, catch up, lock what is new, and report.

    What was done before a stop stays; run again, it goes on.
    """
    say = Clock()
    deployment = load()
    require_up_to_date(deployment.registry, deployment.dbt_project)
    locks = standing(deployment)
    locks.require_kept()
    processes.prepare(deployment)
    bring_preview(deployment, say)
    with processes.store(deployment) as store:
        changes = changes_of(deployment)
        print(text(changes, samples_of(deployment, changes, options.sample)), flush=True)
        build = bool(changes.unseen) or not changes.nothing
        with connect(store.address, TIMEOUT) as redis:
            behind = bool(lacking(redis, deployment))
        if (build or behind) and not _agreed(options):
            say("nothing was done")
            return 1
        changed = {view.name for view in changes.views if view.how != "removed"}
        if build and not chain(deployment, say, changed):
            say("what is not told to be live is as it was; run `slate apply` again to go on")
            return 1
        caught = catch_up_streams(deployment, store, say)
        _lock(deployment, locks, say)
        if not build:
            return _ended(caught, say)
        _report(deployment, changed)
        left = changes_of(deployment)
    if not left.nothing:
        say(f"not all is done: {_left(left)}; `slate plan` tells more")
        return 1
    return _ended(caught, say)


def _agreed(options: Namespace) -> bool:
    """Whether it is to be done: as was said, or as somebody answers.

    Raises:
        ConfigurationError: there is nobody to ask.
    """
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "nothing was done: there is no terminal to ask at, so give --yes to do what is above"
        )
    print("do this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _lock(deployment: Deployment, locks: LockStanding, say: Say) -> None:
    """Lock the versions that are new, and tell of those that are not locked."""
    for path in lock_new(deployment, locks):
        say(f"locked: {path}, to be committed")
    if locks.unlocked and not locks.locked and not deployment.env:
        say(not_locked(locks.unlocked))


def _report(deployment: Deployment, changed: set[str]) -> None:
    """Print what is live of the views that changed, and what is served beside it."""
    try:
        live = live_generations(deployment)
    except StoreError as error:
        raise StoreError(f"what is live cannot be told: {error}") from error
    rows = []
    for view in deployment.registry.views.values():
        found = live.get(view.name, {})
        if view.name in changed and (now := found.get(fingerprint(view))) is not None:
            former = [one.name for digest, one in found.items() if digest != fingerprint(view)]
            rows.append((view.name, now.name, f"{now.rows:,}", ", ".join(former)))
    if rows:
        head = ("view", "live", "rows", "beside it, of former definitions")
        print(f"\n{heading('live now, in one step')}\n{table(rows, head=head)}", flush=True)


def _left(changes: Changes) -> str:
    views = [view.name for view in changes.views]
    sets = [f"training/{one.name}" for one in changes.training]
    return ", ".join([*views, *sets, *(f"the model {name}" for name in changes.models[:3])])


def _ended(caught: CaughtUp, say: Say) -> int:
    if not caught.lacking:
        say("done: start what serves and streams with these definitions")
        return 0
    if not caught.reasons:
        say(
            f"{', '.join(caught.lacking)}: workers of other definitions hold the streams, and what "
            "streamed is not made for these yet, so they are MISSING where these are served; what "
            "was live is served on. Stop these workers (`slate stream`), and run `slate apply` "
            "again: that takes only what streamed since"
        )
    return 1
