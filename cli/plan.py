"""`slate plan`: what a change of definitions will do, before anything runs."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from datetime import datetime

from slate.assets.impact.changes import Changes
from slate.assets.impact.planner import changes_of
from slate.assets.impact.samples import Sample, Server, sample
from slate.cli.plan_report import markdown, text
from slate.cli.processes import TIMEOUT
from slate.compile.project import require_up_to_date
from slate.deployment import Deployment, load
from slate.online.store.redis_client import connect, running_store
from slate.online.stream.workers.catching_up import lacking

# What `--detailed-exitcode` ends with where there is something to do: 2 is a wrong command line.
SOMETHING = 3


def run(options: Namespace) -> int:
    """Print what a run would do; nothing is built, published or written."""
    if options.key and not options.server:
        print("slate plan: --key is for a server: give --server URL too", file=sys.stderr)
        return 2
    deployment = load()
    require_up_to_date(deployment.registry, deployment.dbt_project)
    changes = changes_of(deployment)
    server = Server(options.server, options.key) if options.server else None
    samples = samples_of(deployment, changes, options.sample, server)
    unfinished = _unfinished(deployment)
    if options.json:
        told = {**asdict(changes), "samples": [asdict(one) for one in samples]}
        told["unfinished"] = unfinished
        print(json.dumps(told, indent=2, default=_json))
    elif options.markdown:
        print(markdown(changes, samples, unfinished))
    else:
        print(text(changes, samples, unfinished))
    return SOMETHING if options.detailed_exitcode and (unfinished or not changes.nothing) else 0


def _unfinished(deployment: Deployment) -> list[str]:
    """The views that went live and lack what streamed before; none where the store does not run."""
    address = running_store(deployment)
    if address is None:
        return []
    with connect(address, TIMEOUT) as redis:
        return [view.name for view in lacking(redis, deployment)]


def samples_of(
    deployment: Deployment, changes: Changes, rows: int, server: Server | None = None
) -> list[Sample]:
    """Old and new values of what changes, of so many rows of each version; of 0 none."""
    found = []
    for name, asked in changes.asked.items() if rows else ():
        print(f"slate: looking at {len(asked.features)} features of {name}", file=sys.stderr)
        plan = deployment.registry.plans[name]
        found.append(sample(deployment, plan, asked, rows, server))
    return found


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
