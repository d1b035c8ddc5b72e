"""`slate status`: how what is served stands, on one page; what is wrong, and what to do."""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from slate.assets.health import Health, health
from slate.cli.served import Served, served
from slate.cli.text import heading, shown_instant, table
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError, SlateError
from slate.online.store.told_drift import ToldDrift
from slate.time_words import age, minute

CLEAR = "\x1b[H\x1b[J"
KEY = "SLATE_KEY"
# How many of the features that are furthest from their training set are shown.
DRIFTS = 3
QUANTILES = (0.5, 0.99, 0.999)


def run(options: Namespace) -> int:
    """Print the page, once or again and again; 1 where something is wrong at the last look."""
    if options.key and not options.server:
        print("slate status: --key is for a server: give --server URL too", file=sys.stderr)
        return 2
    deployment = load()
    before: Served | None = None
    while True:
        found, told = Health(deployment.now(), [], [], []), None
        failures: list[str] = []
        with _going_on(options, failures):
            found = health(deployment)
        with _going_on(options, failures):
            told = _served(options)
        lately = told.since(before) if told and before else told
        troubles = failures + found.troubles + (lately.troubles() if lately else [])
        if options.json:
            print(json.dumps(_as_json(found, lately, troubles)), flush=True)
        else:
            if options.watch and sys.stdout.isatty():
                print(CLEAR, end="")
            span = f"the last {options.watch} s" if before else "the server's start"
            print("\n".join(_page(deployment, found, lately, span, troubles)), flush=True)
        if not options.watch:
            return 1 if troubles else 0
        before = told
        time.sleep(options.watch)


@contextmanager
def _going_on(options: Namespace, failures: list[str]) -> Iterator[None]:
    """Where it is looked again and again, make a failure of one look something to be told."""
    try:
        yield
    except (SlateError, RedisError) as error:
        # What was said wrongly is so at the next look too.
        if not options.watch or isinstance(error, ConfigurationError):
            raise
        of_store = isinstance(error, RedisError)
        failures.append(f"the online store fails ({error})" if of_store else str(error))


def _served(options: Namespace) -> Served | None:
    if not options.server:
        return None
    return served(options.server, options.key or os.environ.get(KEY, ""))


def _page(
    deployment: Deployment, found: Health, told: Served | None, span: str, troubles: list[str]
) -> Iterator[str]:
    yield heading(f"{deployment.name}, {shown_instant(found.at)}")
    if found.views:
        yield "\n" + table(
            [
                (
                    one.view,
                    one.generation or "none",
                    minute(one.published_at) if one.published_at else "",
                    f"{age((found.at - one.known_until).total_seconds())} ago"
                    if one.known_until
                    else "",
                    f"{one.rows:,}",
                    f"{one.size / 1e6:,.1f}",
                    "pinned" if one.pinned else "",
                )
                for one in found.views
            ],
            head=("view", "live", "published", "known until", "rows", "MB", " "),
        )
    if found.streams:
        yield "\n" + table(
            [
                (
                    one.source.stream,
                    f"{one.status.lag:,.1f} s",
                    f"{one.status.waiting:,}",
                    f"{one.status.held} of {one.status.partitions}",
                    f"{one.status.unarchived:,}",
                    f"{one.status.dead_letters + one.status.moved_letters:,}",
                )
                for one in found.streams
            ],
            head=("stream", "behind", "waiting", "held", "unarchived", "dead letters"),
        )
    if found.drifts:
        yield "\n" + table(
            [
                (one.service, minute(one.instant), f"{one.served:,}", _furthest(one))
                for one in found.drifts
            ],
            head=("served against trained", "until", "rows", "furthest apart (PSI)"),
        )
    if told is not None:
        yield from _of_server(told, span)
    yield "" if troubles else "\nall is well"
    yield from (f"! {text}" for text in troubles)


def _of_server(told: Served, span: str) -> Iterator[str]:
    rows = [
        (
            service,
            f"{told.requests(service):,}",
            *(_milliseconds(told.quantile(service, share)) for share in QUANTILES),
        )
        for service in sorted(told.seconds)
        if told.requests(service)
    ]
    if not rows:
        yield f"\nno request was answered since {span}"
        return
    yield "\n" + table(
        rows, head=("service", "requests", *(f"p{100 * share:g}" for share in QUANTILES))
    )
    states = sorted({state for shares in told.shares().values() for state in shares})
    yield "\n" + table(
        [
            (
                view,
                *(f"{shares.get(state, 0):.2%}" for state in states),
                f"{told.behind[view]:.2f} s" if view in told.behind else "",
            )
            for view, shares in sorted(told.shares().items())
        ],
        head=("rows answered", *states, "near, behind"),
    )
    yield f"(since {span})"


def _furthest(drift: ToldDrift) -> str:
    few = list(drift.psi.items())[:DRIFTS]
    return ", ".join(f"{name} {psi:.2f}" for name, psi in few)


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:,.1f} ms"


def _as_json(found: Health, told: Served | None, troubles: list[str]) -> dict[str, Any]:
    page: dict[str, Any] = {
        "at": found.at.isoformat(),
        "views": [
            {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(one).items()}
            for one in found.views
        ],
        "streams": {one.source.stream: one.numbers(None) for one in found.streams},
        "served_against_trained": [asdict(one) for one in found.drifts],
        "troubles": troubles,
    }
    if told is not None:
        page["served"] = {
            service: {
                "requests": told.requests(service),
                **{
                    f"p{share * 100:g}_seconds": told.quantile(service, share)
                    for share in QUANTILES
                },
            }
            for service in sorted(told.seconds)
        }
        page["states"] = told.shares()
        page["near_behind_seconds"] = told.behind
    return page
