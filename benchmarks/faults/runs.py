"""Runs of the whole chain killed while they go on: ``make bench-kills``.

A bike-share takes in some more hours, some of them late, by `slate run`, which is killed at a
random moment with all that it started, or by itself, or loses its dbt. At once every view that is
live has to answer what is right for the generation that it is of. Then it runs again, undisturbed,
and all rows have to be in the ledger once, and training sets, current values and answers be what
the oracle says.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from slate.deployment import Deployment
from slate.online import FeatureClient, Publisher
from slate.online.store.embedded_server import EmbeddedServer
from tests.orchestration.bikes import Landing, Rows, happenings, place
from tests.orchestration.outcomes import (
    generations,
    ledger,
    wrong_current,
    wrong_online,
    wrong_training,
)
from tests.parity.answers import differences
from tests.parity.oracle import Oracle
from tests.parity.scenarios import Scenario

KILLS, SEED = 8, 5
ROOT = Path(__file__).parents[2]
# The first hour of arrival, from midday, and how many land at a time.
FIRST, EACH = -24, 4
LEAST_SECONDS, PATIENT = 20.0, 300.0
SHOWN, SAID = 5, 30
HELD_BACK = "is held back: see the check"
VICTIMS = ("run with all of it", "run alone", "dbt")


@dataclass
class Bikes:
    """The bike-share, and what it can know.

    Attributes:
        deployment: the deployment; its store has an address.
        landing: its landing files.
        seed: of what lands on time.
        known: what had landed for the views that are as of an instant.
        values: how many were held against the oracle.
    """

    deployment: Deployment
    landing: Landing
    seed: int
    known: dict[datetime, Rows] = field(default_factory=dict)
    values: int = 0

    def start(self) -> "subprocess.Popen[bytes]":
        """Run the chain in a process group of its own."""
        ours = {
            "SLATE_CONFIG": str(self.deployment.root / "slate.toml"),
            "SLATE_REDIS": self.deployment.redis,
            "PYTHONPATH": str(ROOT),
        }
        others = {"SLATE_DATA", "SLATE_CLOCK", "SLATE_ENV", "DAGSTER_HOME"}
        environment = {key: text for key, text in os.environ.items() if key not in others} | ours
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "slate.cli", "run"],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        """What the last run said."""
        return self.deployment.root / "run.log"

    def _live(self) -> dict[str, datetime]:
        """The instant that each view is as of that is live."""
        with Publisher.connect(self.deployment) as publisher:
            live = generations(self.deployment, publisher)
        return {name: generation.as_of for name, generation in live.items()}

    def land(self, random: np.random.Generator, number: int) -> None:
        """Land the next hours, and some events of former ones that come late.

        Args:
            random: draws them.
            number: of the time that it is done, from 0.
        """
        registry, start = self.deployment.registry, FIRST + EACH * number
        self.landing.write(happenings(registry, self.seed, start, start + EACH), f"-{number}")
        if number:
            seed = int(random.integers(1 << 30))
            late = happenings(registry, seed, FIRST, start)
            for name, rows in late.items():
                unique = registry.sources[name].unique_id
                for row in rows:
                    # Another event than the one of this id that landed on time.
                    old = row[unique]
                    row[unique] = (
                        old + number * 10**9 if isinstance(old, int) else f"{number} {old}"
                    )
            self.landing.write(late, f"-late-{number}")

    def wrong_after_a_kill(self) -> list[str]:
        """Where answers are not right for the generations that are live, in words."""
        registry = self.deployment.registry
        with Publisher.connect(self.deployment) as publisher:
            live = {
                name: one.as_of for name, one in generations(self.deployment, publisher).items()
            }
        if len(live) < len(registry.views):
            return []  # the first run had not published all of them
        # What is published as of an instant that no run ended at is of what landed last.
        latest, wrong = self.landing.sources, list[str]()
        with FeatureClient.connect(self.deployment, timeout=5, refresh=0, near=False) as client:
            # Nothing can be told of before what is published.
            at = max(live.values())
            for known in set(live.values()):
                of = {name for name, instant in live.items() if instant == known}
                sources = self.known.setdefault(known, latest)
                oracle = Oracle(registry, sources, Scenario(sources).models(registry), known)
                for ask in Scenario(latest).asks(registry):
                    (row,) = client.get(
                        ask.service.name, at=at, **ask.keys, **ask.inputs
                    ).to_dicts()
                    expected = oracle.answer(ask.service, ask.keys, at, ask.inputs)
                    told = [name for name in expected if self._is_of(of, name, ask.keys)]
                    self.values += len(told)
                    wrong += [
                        f"{ask.keys} at {at}: {text}"
                        for text in differences(expected, row)
                        if text.partition(":")[0] in told
                    ]
        return wrong

    def _is_of(self, views: Collection[str], name: str, keys: Mapping[str, object]) -> bool:
        """Whether a feature is made of these views alone, of keys that the request brings."""
        registry = self.deployment.registry
        if len(views) == len(registry.views):
            return True
        view = name.partition(".")[0]
        return view in views and set(registry.views[view].entity.keys) <= set(keys)

    def remember(self) -> None:
        """Note what had landed for the views that are live now, and were not before."""
        sources = self.landing.sources
        for instant in self._live().values():
            self.known.setdefault(instant, sources)

    def wrong_at_rest(self) -> list[str]:
        """What is not as it should be after a whole run, in words."""
        sources = self.landing.sources
        taken, refused = ledger(self.deployment)
        wrong = []
        if (taken, refused) != (self.landing.rows, 0):
            wrong.append(f"{self.landing.rows} rows landed, {taken} taken in, {refused} refused")
        wrong += wrong_training(self.deployment, sources)
        wrong += wrong_current(self.deployment, sources)
        with FeatureClient.connect(self.deployment, timeout=5, refresh=0, near=False) as client:
            wrong += wrong_online(self.deployment, client, sources)
        return wrong


def children(of: int) -> Mapping[int, str]:
    """The processes that a process started, directly or not, with their commands (Linux)."""
    found: dict[int, str] = {}
    waiting = [of]
    while waiting:
        one = waiting.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{one}/task").iterdir():
                for child in map(int, (task / "children").read_text().split()):
                    found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
                    waiting.append(child)
    return found


def kill(process: "subprocess.Popen[bytes]", victim: str) -> str:
    """Kill a run, or its dbt; gives what was killed."""
    if victim == "dbt":
        dbt = [one for one, command in children(process.pid).items() if "dbt " in command]
        if dbt:
            for one in dbt:
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            return "dbt"
        victim = "run alone"
    if victim == "run alone":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    return victim


def main() -> None:
    """Kill as many runs as is asked for, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.runs", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--after", type=float, help="seconds, in place of random ones")
    parser.add_argument("--victim", choices=VICTIMS, help="what is killed, in place of any")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    random = np.random.default_rng(options.seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, EmbeddedServer.attach(Path(name) / "r") as server:
        deployment = replace(place(Path(name) / "bikes"), redis=server.address)
        bikes = Bikes(deployment, Landing(deployment), options.seed)
        # A run with imports alone; how long one takes is known after the first.
        longest = LEAST_SECONDS
        for number in range(options.kills):
            bikes.land(random, number)
            process = bikes.start()
            after, victim = float(random.uniform(0, longest)), str(random.choice(VICTIMS))
            after, victim = options.after or after, options.victim or victim
            with suppress(subprocess.TimeoutExpired):
                process.wait(after)
            ended = process.poll() is not None
            killed = "nothing, as it had ended" if ended else kill(process, victim)
            counts["kills"] += not ended
            process.wait(PATIENT)
            wrong = bikes.wrong_after_a_kill()
            began = time.monotonic()
            # What a run left behind may be at work yet, and the next one meets it.
            code = bikes.start().wait(PATIENT)
            longest = max(longest, time.monotonic() - began)
            bikes.remember()
            said = bikes.log.read_text().splitlines() if code else []
            wrong += [] if code else bikes.wrong_at_rest()
            # Random data are far from the last good run's now and then, which a gate is to tell.
            is_held = any(HELD_BACK in line for line in said)
            counts["held back"] += is_held
            counts["failed"] += code != 0 and not is_held
            counts["wrong"] += len(wrong)
            for text in (*wrong[:SHOWN], *said[-SAID:]):
                print(f"    {text}", flush=True)
            print(
                f"  {after:5.1f} s: killed {killed}; the next run took "
                f"{time.monotonic() - began:.1f} s and ended with {code}; {len(wrong)} wrong",
                flush=True,
            )
    if not bikes.values:
        raise SystemExit("no values were judged: nothing is shown by this run")
    print(
        f"kills: runs_killed={counts['kills']} values={bikes.values} "
        f"held_back_by_gates={counts['held back']} runs_failed_after={counts['failed']} "
        f"wrong={counts['wrong']}"
    )


if __name__ == "__main__":
    main()
