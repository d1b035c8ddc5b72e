"""`slate run`: the whole chain, from landing files to training sets and the online store."""

from argparse import Namespace
from contextlib import ExitStack

from slate.assets.manifests import CURRENT, load_manifest
from slate.cli import processes
from slate.cli.chain import bring_preview, catch_up_streams, chain
from slate.cli.demo import demo
from slate.cli.preparing import preparing
from slate.cli.text import Clock, table
from slate.compile.project import require_up_to_date
from slate.deployment import Deployment, load
from slate.locks.standing import not_locked, standing
from slate.online import FeatureClient


def run(_: Namespace) -> int:
    """Run it for the hours that are new, and tell what came of it."""
    say = Clock()
    deployment = load()
    require_up_to_date(deployment.registry, deployment.dbt_project)
    locks = standing(deployment)
    locks.require_kept()
    processes.prepare(deployment)
    shown = demo(deployment)
    with ExitStack() as running:
        landing = None
        if deployment.env:
            # It has production's data.
            bring_preview(deployment, say)
        elif shown is not None:
            landing = running.enter_context(preparing(deployment, say))
        store = running.enter_context(processes.store(deployment))
        say(f"online store: {store}")
        if not chain(deployment, say, landing=landing):
            return 1
        if deployment.env:
            # Nobody streams to it yet, and without this what streamed before would be MISSING.
            catch_up_streams(deployment, store, say)
        print(table(_training_sets(deployment)))
        if shown is not None:
            with FeatureClient.connect(deployment) as client:
                client.wait_until_near()
                shown.show(client, deployment, say)
    if locks.unlocked and not deployment.env:
        say(not_locked(locks.unlocked))
    say("done")
    return 0


def _training_sets(deployment: Deployment) -> list[tuple[str, str]]:
    sets = []
    for service in deployment.registry.services.values():
        folder = deployment.training / service.full_name
        rows = load_manifest(folder).rows
        sets.append((f"training set {(folder / CURRENT).resolve()}", f"{rows:,} rows"))
    return sets
