"""`slate run`: the whole chain, from landing files to training sets and the online store."""

import sys
from argparse import Namespace
from contextlib import redirect_stdout

from slate.assets.manifests import CURRENT, load_manifest
from slate.cli import processes
from slate.cli.compile import require_up_to_date
from slate.cli.demo import demo
from slate.cli.text import Say, clock, table
from slate.deployment import Deployment, load
from slate.locks.standing import not_locked, standing
from slate.online import FeatureClient


def run(_: Namespace) -> int:
    """Run it for the hours that are new, and tell what came of it."""
    say = clock()
    deployment = load()
    require_up_to_date(deployment)
    locks = standing(deployment)
    locks.require_kept()
    processes.prepare(deployment)
    shown = demo(deployment)
    if shown is not None:
        shown.prepare(deployment, say)
    with processes.store(deployment) as store:
        say(f"online store: {store}")
        if not _chain(deployment, say):
            return 1
        print(table(_training_sets(deployment)))
        if shown is not None:
            with FeatureClient.connect(deployment) as client:
                client.wait_until_near()
                shown.show(client, deployment, say)
    if locks.unlocked:
        say(not_locked(locks.unlocked))
    say("done")
    return 0


def _chain(deployment: Deployment, say: Say) -> bool:
    say("loading Dagster")
    # Only now, as it takes seconds.
    from slate.orchestration.runs import run_everything

    say("running the whole chain; dbt reads its project first, at length where it never did")
    # dbt's own words are not data.
    with redirect_stdout(sys.stderr):
        return run_everything(deployment)


def _training_sets(deployment: Deployment) -> list[tuple[str, str]]:
    sets = []
    for service in deployment.registry.services.values():
        folder = deployment.training / service.full_name
        rows = load_manifest(folder).rows
        sets.append((f"training set {(folder / CURRENT).resolve()}", f"{rows:,} rows"))
    return sets
