"""`make proof`: measures what fresh features are worth, and writes the page of it."""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from live_shopping.model.metrics import interval
from live_shopping.proof import page
from live_shopping.proof.ages import (
    FRESH,
    OLD,
    PLACES,
    Judged,
    Sample,
    judged,
    personal,
    sampled,
    skewed,
)
from live_shopping.proof.arms import Loop, loop
from live_shopping.proof.batch_waits import BatchWaits, batch_waits
from live_shopping.proof.closed_loop import Hour
from slate import Array
from slate.deployment import Deployment, load
from slate.errors import SlateError, StoreError
from slate.offline.values import known_until
from slate.offline.warehouse import reading

LIVE_SECONDS = 15
_NEW_SELLER = re.compile(r"^live: .*new_seller_ms=(\S+)", re.MULTILINE)

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _options(arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr)

    try:
        deployment = load()
        sample = sampled(deployment, options.requests, say)
        new_seller = _new_seller(say)
        waits = batch_waits(deployment)
        looped = _looped(deployment, sample, say)
        found = _findings(sample, range(options.seeds), new_seller, waits, looped, say)
    except SlateError as error:
        print(f"proof: {error}", file=sys.stderr)
        return 1
    print(page.write(options.out, found))
    print(found.line())
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m live_shopping.proof", description=__doc__)
    parser.add_argument("--requests", type=int, default=3_500, help="opens to learn from, about")
    parser.add_argument("--seeds", type=int, default=5, help="models of each age")
    out = Path(__file__).parents[2] / "docs"
    parser.add_argument("--out", type=Path, default=out, help="the folder of the page")
    return parser.parse_args(arguments)


def _findings(
    sample: Sample,
    seeds: Sequence[int],
    new_seller: float,
    batch: BatchWaits,
    looped: Loop,
    say: Say,
) -> page.Findings:
    """What models of each age come to."""
    each: dict[str, Judged] = {}
    spread = {}
    for age, table in sample.tables.items():
        say(f"{len(seeds)} models of features {age} old")
        each[age], means = judged(sample, table, table, seeds)
        spread[age] = min(means), max(means)
    say("models of another definition")
    fresh = sample.tables[FRESH]
    wrong, _ = judged(sample, skewed(fresh), fresh, seeds)
    old, right = each[OLD], each[FRESH]
    newest = pa.array(sample.newest)
    shares = {age: _means(personal(sample.tables[age].filter(newest))) for age in (OLD, FRESH)}
    judging = int(np.count_nonzero(sample.newest))
    return page.Findings(
        rows=(len(sample.newest) - judging, judging),
        seeds=len(seeds),
        ndcg={age: interval(one.ndcg, one.ndcg_viewers) for age, one in each.items()},
        spread=spread,
        gains={age: interval(one.ndcg - old.ndcg, one.ndcg_viewers) for age, one in each.items()},
        steps={
            age: interval(each[age].ndcg - each[older].ndcg, old.ndcg_viewers)
            for older, age in pairwise(each)
        },
        orders={age: interval(one.orders / PLACES, one.viewers) for age, one in each.items()},
        order_gains={
            age: interval((one.orders - old.orders) / PLACES, one.viewers)
            for age, one in each.items()
        },
        skew=interval(wrong.ndcg - right.ndcg, wrong.ndcg_viewers),
        personal=shares,
        new_seller=new_seller,
        batch=batch,
        loop=looped,
    )


def _looped(deployment: Deployment, sample: Sample, say: Say) -> Loop:
    """What rankings earn where viewers act on them.

    Raises:
        DataError: the marketplace was not simulated here.
    """
    with reading(deployment) as connection:
        until = known_until(deployment, (), connection)
    hour = Hour.of(deployment, until.replace(tzinfo=UTC))
    say(f"the closed loop: {len(hour.sessions):,} viewers meet four rankings")
    return loop(hour, sample)


def _means(shares: dict[str, Array]) -> dict[str, float]:
    return {name: float(is_so.mean()) for name, is_so in shares.items()}


def _new_seller(say: Say) -> float:
    """The seconds from a new seller's first tap until an answer counts it, by `slate live`.

    Raises:
        StoreError: it did not come to that.
    """
    say(f"a new seller's first tap, in {LIVE_SECONDS} s of `slate live`")
    command = [sys.executable, "-m", "slate.cli", "live", "--plain"]
    run = subprocess.run(
        [*command, "--seconds", str(LIVE_SECONDS)], capture_output=True, text=True, check=False
    )
    told = _NEW_SELLER.search(run.stdout)
    if told is None or told[1] == "nan":
        raise StoreError(
            "`slate live` measured no new seller: run it by itself, and see what it says. "
            f"Its last words were: {(run.stderr or run.stdout).strip()[-300:]}"
        )
    return float(told[1]) / 1e3


if __name__ == "__main__":
    sys.exit(main())
