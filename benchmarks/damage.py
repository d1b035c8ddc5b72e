"""Damage to what the store holds, many times: is ever anything wrong served without a flag?

It ends with how many trials there were, how many answers were wrong without a flag, and how many
requests raised an exception.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from slate.deployment import Deployment
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect
from tests.online.damage import Damage

TRIALS, SEED = 100_000, 1
AT_ONCE = 5_000
SHOWN = 20


def run(trials: int, seed: int) -> int:
    """Make so many trials; 1 if one of them was not as it should be."""
    wrong: list[str] = []
    exceptions: list[str] = []
    flagged, begun, root = 0, time.monotonic(), Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer.attach(Path(folder)) as server:
        data = Path(folder)
        deployment = Deployment("arcade", "tests.online.arcade", root, data, data, server.address)
        with connect(server.address) as redis:
            damage = Damage(deployment, redis, seed)
            for done in range(0, trials, AT_ONCE):
                outcome = damage.run(min(AT_ONCE, trials - done))
                wrong += outcome.wrong
                exceptions += outcome.exceptions
                flagged += outcome.flagged
                print(
                    f"{done + outcome.trials:,} trials in {time.monotonic() - begun:,.0f} s, "
                    f"seed {seed}: {flagged:,} answers with a flag, {len(wrong)} wrong without, "
                    f"{len(exceptions)} exceptions",
                    flush=True,
                )
            damage.close()
    for one in [*wrong[:SHOWN], *exceptions[:SHOWN]]:
        print(one)
    print(f"damage: trials={trials} wrong_unflagged={len(wrong)} exceptions={len(exceptions)}")
    return int(bool(wrong or exceptions))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    return run(options.trials, options.seed)


if __name__ == "__main__":
    sys.exit(main())
