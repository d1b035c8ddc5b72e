"""`make proof`: measures what fresh features are worth, and writes the page of it."""

import argparse
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from live_shopping.model.metrics import Interval, interval
from live_shopping.model.registry import SERVICE
from live_shopping.proof import page, seeds
from live_shopping.proof.ages import (
    FRESH,
    OLD,
    PLACES,
    Judged,
    Sample,
    gains,
    judged,
    personal,
    sampled,
    steps,
)
from live_shopping.proof.arms import Loop, loop
from live_shopping.proof.batch_waits import batch_waits
from live_shopping.proof.closed_loop import Hour
from live_shopping.proof.skews import SKEWS
from slate import Array
from slate.deployment import Deployment, load
from slate.errors import SlateError, StoreError
from slate.offline.values import known_until
from slate.offline.warehouse import reading

LIVE_SECONDS = 15
# Each takes two to three minutes.
SEEDS = 4
INTERRUPTED = 130
# How many were counted, as a line of each second tells, and half of them within how long.
_NEW_SELLERS = re.compile(r"; new sellers: (\d+) counted")
_NEW_SELLER = re.compile(r"^live: .*new_seller_ms=(\S+)", re.MULTILINE)

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _options(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr)

    # Stopped either way, also in the background, it removes what it has made.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        deployment = load()
        plan = deployment.registry.plan(SERVICE)
        sample = sampled(deployment, plan, options.requests, say, SKEWS)
        until = _known_until(deployment)
        new_seller = _new_seller(say)
        waits = batch_waits(deployment)
        looped = _looped(deployment, until, sample, say)
        ranking = _ranking(sample, range(options.models), say)
        numbers = range(seeds.FIRST, seeds.FIRST + options.seeds)
        others = seeds.Others(deployment, until, options.requests).measured(numbers, say)
    except SlateError as error:
        print(f"proof: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("proof: interrupted", file=sys.stderr)
        return INTERRUPTED
    found = page.Findings(ranking, new_seller, waits, looped, others)
    print(page.write(options.out, found))
    for failed in others.failed:
        print(
            f"proof: marketplace {failed.name} was not measured: {failed.reason}", file=sys.stderr
        )
    print(found.note())
    print(found.line())
    return 1 if others.failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m live_shopping.proof", description=__doc__)
    parser.add_argument(
        "--requests", type=_positive, default=3_500, help="opens to learn from, about"
    )
    parser.add_argument("--models", type=_positive, default=5, help="models of each age")
    text = f"other marketplaces that are measured too, 0 to {seeds.MOST}; by default {SEEDS}"
    several = range(seeds.MOST + 1)
    parser.add_argument("--seeds", type=int, choices=several, default=SEEDS, metavar="N", help=text)
    out = Path(__file__).parents[2] / "docs"
    parser.add_argument("--out", type=Path, default=out, help="the folder of the page")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return number


def _ranking(sample: Sample, models: Sequence[int], say: Say) -> page.Ranking:
    """What models of each age come to, each of another resample of the requests."""
    each: dict[str, Judged] = {}
    spread = {}
    for age, table in sample.tables.items():
        say(f"{len(models)} models of features {age} old")
        each[age], means = judged(sample, table, table, models)
        spread[age] = min(means), max(means)
    fresh = sample.tables[FRESH]
    old, right = each[OLD], each[FRESH]
    wrong: dict[str, Judged] = {}
    for name, table in sample.skewed.items():
        say(f"{len(models)} models of {SKEWS[name].learned}, asked with {SKEWS[name].asked}")
        wrong[name], _ = judged(sample, table, fresh, models)
    newest = pa.array(sample.newest)
    shares = {age: _means(personal(sample.tables[age].filter(newest))) for age in (OLD, FRESH)}

    def orders(one: Judged, other: Judged) -> Interval:
        return interval((one.orders - other.orders) / PLACES, one.viewers)

    return page.Ranking(
        rows=sample.rows,
        models=len(models),
        ndcg={age: interval(one.ndcg, one.ndcg_viewers) for age, one in each.items()},
        spread=spread,
        gains=gains(each),
        steps=steps(each),
        orders={age: interval(one.orders / PLACES, one.viewers) for age, one in each.items()},
        order_gains={age: orders(one, old) for age, one in each.items()},
        order_steps={age: orders(each[age], each[older]) for older, age in pairwise(each)},
        skews={
            name: interval(one.ndcg - right.ndcg, one.ndcg_viewers) for name, one in wrong.items()
        },
        order_skews={name: orders(one, right) for name, one in wrong.items()},
        personal=shares,
    )


def _known_until(deployment: Deployment) -> datetime:
    """Up to when the deployment's history is known (UTC)."""
    with reading(deployment) as connection:
        return known_until(deployment, (), connection).replace(tzinfo=UTC)


def _looped(deployment: Deployment, until: datetime, sample: Sample, say: Say) -> Loop:
    """What rankings earn where viewers act on them.

    Raises:
        DataError: the marketplace was not simulated here.
    """
    hour = Hour.of(deployment, until)
    say(f"the closed loop: {len(hour.sessions):,} viewers meet four rankings")
    return loop(hour, sample)


def _means(shares: dict[str, Array]) -> dict[str, float]:
    return {name: float(is_so.mean()) for name, is_so in shares.items()}


def _new_seller(say: Say) -> page.NewSellers:
    """From new sellers' first taps until the service that ranks counts them, by `slate live`.

    Raises:
        StoreError: it did not come to that.
    """
    say(f"first taps of new sellers, in {LIVE_SECONDS} s of `slate live`")
    command = [sys.executable, "-m", "slate.cli", "live", "--plain"]
    run = subprocess.run(
        [*command, "--seconds", str(LIVE_SECONDS)], capture_output=True, text=True, check=False
    )
    told, counted = _NEW_SELLER.search(run.stdout), _NEW_SELLERS.findall(run.stdout)
    if told is None or told[1] == "nan" or not counted:
        raise StoreError(
            "`slate live` measured no new seller: run it by itself, and see what it says. Where "
            "something is counted of all sellers that are listed, `slate run` lists new ones. "
            f"Its last words were: {(run.stderr or run.stdout).strip()[-300:]}"
        )
    return page.NewSellers(int(counted[-1]), float(told[1]) / 1e3)


if __name__ == "__main__":
    sys.exit(main())
