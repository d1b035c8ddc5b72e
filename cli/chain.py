"""What commands that build have in common: the whole chain, and previews that begin before it."""

import sys
from collections.abc import Callable, Collection
from contextlib import redirect_stdout

from slate.assets.previews import bring
from slate.cli.processes import TIMEOUT, Store
from slate.cli.text import Clock, Say
from slate.deployment import Deployment
from slate.online.store.redis_client import connect
from slate.online.stream.workers.catching_up import CaughtUp, catch_up


def bring_preview(deployment: Deployment, say: Say) -> None:
    """Give a preview what production has by now, and tell of it; of production itself nothing."""
    if not deployment.env:
        return
    brought = bring(deployment)
    if brought.copied:
        how = "shared with its own" if brought.shared else "copied"
        say(f"preview {deployment.env}: {brought.copied / 1e6:,.1f} MB of the warehouse {how}")
    say(
        f"preview {deployment.env}: {brought.linked:,} landing files linked, all in "
        f"{brought.seconds:.1f} s, in {deployment.data}"
    )


def chain(
    deployment: Deployment,
    say: Clock,
    together: Collection[str] = (),
    landing: Callable[[], None] | None = None,
) -> bool:
    """Run the whole chain; whether all of it succeeded. What failed has been told.

    Args:
        deployment: the deployment.
        say: tells of progress.
        together: the names of views that go live together or not at all.
        landing: where files land meanwhile, waits until they have.
    """
    say("loading Dagster")
    # Only now, as it takes seconds.
    from slate.orchestration.runs import run_everything

    say("dbt reads its project, at length where it never did; then the whole chain runs")
    # dbt's own words are not data.
    with redirect_stdout(sys.stderr):
        return run_everything(deployment, together, landing, say.began)


def catch_up_streams(deployment: Deployment, store: Store, say: Say) -> CaughtUp:
    """Make what streams added to what was published, where no worker does; tell what lacks it."""
    with connect(store.address, TIMEOUT) as redis:
        found = catch_up(redis, deployment, store.server)
    if found.events:
        say(f"{found.events:,} events of the streams replayed for what is new")
    for reason in found.reasons:
        say(reason)
    return found
