"""What logging answers costs a feed request: ``python -m benchmarks.logged``, on a quiet machine.

Requests of two clients of one process take turns; the one's service logs a tenth of its answers. A
thread makes tables of these and puts them into the store, whence they are removed as a run would.
What is compared is the 99th percentile, in pieces of the run, as these machines have bad moments.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.engine import SERVICE, Slate
from benchmarks.online import ASKED, publish_marketplace, stream
from live_shopping import definitions as shop
from slate import Registry
from slate.online.serving.answer_log import AnswerLog
from slate.online.serving.client import LOG_TIMEOUT
from slate.online.serving.live_services import Serving
from slate.online.store import logged_entries
from slate.online.store.connections import Connections
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect

SHARE, ROUNDS, PIECES, WARM = 0.1, 4_000, 8, 50
# A feed is asked for so often, as in service: a log that must keep up with more is told of.
BETWEEN = 0.02


class Logging(Slate):
    """Slate in process, which considers each answer for the log."""

    def log_to(self, log: AnswerLog) -> None:
        """Log from now on."""
        serving: Serving = self._serving
        serving.log = log


def main() -> None:
    """Measure, and print a line of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer.attach(Path(folder)) as server:
        address, redis = server.address, connect(server.address)
        registry = Registry.from_module(shop)
        publish_marketplace(redis, ASKED.replace(second=0))
        connections = Connections.to(address, 10.0)
        stream(connections, redis, registry)
        connections.close()
        time.sleep(1.5)
        service = registry.plan(SERVICE).service
        service.logged = SHARE
        plain, logging = Slate(address, registry, near=True), Logging(address, registry, near=True)
        log = AnswerLog(connect(address, LOG_TIMEOUT), "bench")
        logging.log_to(log)
        taken: dict[str, list[float]] = {"plain": [], "logging": []}
        for number in range(-WARM, rounds):
            for name, slate in (("plain", plain), ("logging", logging)):
                begun = time.perf_counter()
                slate.matrix(number)
                took = time.perf_counter() - begun
                if number >= 0:
                    taken[name].append(took)
                time.sleep(max(BETWEEN - took, 0))
            if number % 100 == 0:
                waiting = logged_entries.waiting(redis, "bench", service.full_name, 1_000)
                logged_entries.remove(redis, "bench", service.full_name, waiting)
        lost = sum(log.lost.values())
        for slate in (plain, logging):
            slate.close()
        log.close()
    found = {
        share: np.median(
            [
                np.quantile(after, share) / np.quantile(before, share)
                for before, after in zip(
                    *(np.array_split(taken[name], PIECES) for name in taken), strict=True
                )
            ]
        )
        for share in (0.5, 0.99)
    }
    p50, p99 = np.quantile(taken["plain"], [0.5, 0.99]) * 1e3
    print(
        f"logged: share={SHARE} requests={rounds} p50_ms={p50:.2f} p99_ms={p99:.2f} "
        f"p50_ratio={found[0.5]:.3f} p99_ratio={found[0.99]:.3f} lost={lost}"
    )


if __name__ == "__main__":
    main()
