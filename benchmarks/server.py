"""How fast features are served over HTTP: `slate serve`, asked by clients in other processes.

Run it with ``python -m benchmarks.server``. The marketplace is that of ``benchmarks.online``; the
request is its feed, 2,000 candidates x 155 features. First it is asked for one answer after
another, then at rates, from close to the most that was answered downwards, until 99 % of answers
come within 100 ms: that rate is what the server is good for, and *nominal* is a ninth of it.
Latencies at a rate count from when a request was due.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import orjson
import urllib3

from benchmarks.online import AS_OF, ASKED, SHOWS, VIEWERS, ids, publish_marketplace
from benchmarks.serving import serving
from slate.errors import SlateError
from slate.online import RemoteClient
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect

CLIENTS = (1, 2, 4)
WARM = 10
SECONDS, LONG = 15.0, 60.0
# Shares of the most that was answered, and the milliseconds within which 99 % are to be answered.
SHARES, AIM = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1), 100.0
PEAK = 9
PATIENT = 30.0
TIMEOUT = 10.0
SERVICE = "feed_ranking"


@dataclass(frozen=True)
class Asking:
    """How one client asks.

    Attributes:
        address: the server's.
        seconds: for how long.
        every: the seconds between requests; 0 to ask again as soon as there is an answer.
        json: whether in JSON, not in Arrow.
    """

    address: str
    seconds: float
    every: float = 0.0
    json: bool = False


@dataclass(frozen=True)
class Took:
    """What became of a client's requests.

    Attributes:
        seconds: how long each took.
        errors: how many were not answered, or not in full.
    """

    seconds: list[float]
    errors: int


def ask(asking: Asking, number: int) -> Took:
    """Ask for the feeds of one viewer after another, as the client of this number."""
    shows, viewers = ids("show", SHOWS).tolist(), ids("viewer", VIEWERS).tolist()
    taken, errors = [], 0
    with RemoteClient.connect(asking.address, timeout=PATIENT) as client:
        pool = urllib3.connectionpool.connection_from_url(asking.address, timeout=PATIENT)

        def by_arrow(viewer: str) -> bool:
            answer = client.get(SERVICE, viewer_id=viewer, show_id=shows)
            return answer.rows == SHOWS and not answer.errors

        def by_json(viewer: str) -> bool:
            body = json.dumps({"viewer_id": viewer, "show_id": shows})
            headers = {"content-type": "application/json"}
            path = f"/v1/services/{SERVICE}"
            response = pool.request("POST", path, body=body, headers=headers)
            # As by Arrow, the values are the client's then.
            answer = orjson.loads(response.data)
            return response.status == 200 and not answer["errors"]

        one = by_json if asking.json else by_arrow
        for place in range(WARM):
            one(viewers[place])
        begun = time.perf_counter()
        due = begun + asking.every * np.random.default_rng(number).random()
        place = number
        while (now := time.perf_counter()) < begun + asking.seconds:
            if asking.every:
                time.sleep(max(due - now, 0.0))
            since = due if asking.every else now
            try:
                errors += not one(viewers[place % VIEWERS])
            except (SlateError, urllib3.exceptions.HTTPError):
                errors += 1
            taken.append(time.perf_counter() - since)
            due += asking.every
            place += 1
    return Took(taken, errors)


@contextmanager
def published(folder: Path, processes: int) -> Iterator[str]:
    """The marketplace, published and served; the server's address."""
    with EmbeddedServer.attach(folder / "data" / "redis") as store:
        publish_marketplace(connect(store.address), AS_OF)
        clock = ASKED.isoformat()
        with serving(folder, "bench", store.address, processes, TIMEOUT, clock) as server:
            yield server.address


def measure(pool: Pool, clients: int, asking: Asking, what: str) -> tuple[list[float], int, float]:
    """Have clients ask, and say how long it took them: the quantiles in ms, errors and rate."""
    found = pool.map(partial(ask, asking), range(clients), chunksize=1)
    taken = [seconds for took in found for seconds in took.seconds]
    errors = sum(took.errors for took in found)
    quantiles = (np.quantile(taken, [0.5, 0.99]) * 1_000).tolist()
    rate = len(taken) / asking.seconds
    print(
        f"  {what:<28} p50 {quantiles[0]:7.2f} ms   p99 {quantiles[1]:7.2f} ms   {rate:6.1f}/s"
        f"   {errors} errors",
        flush=True,
    )
    return quantiles, errors, rate


def run(processes: int, seconds: float, long: float) -> None:
    """Measure one server."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        published(Path(folder), processes) as address,
        context.Pool(max(CLIENTS)) as pool,
    ):
        print(f"feed of {SHOWS:,} candidates, from {processes} serving process(es)")
        quantiles, errors, capacity = {}, 0, 0.0
        for clients in CLIENTS:
            what = f"Arrow, {clients} client{'s' * (clients > 1)}"
            asking = Asking(address, seconds)
            quantiles[clients], wrong, rate = measure(pool, clients, asking, what)
            errors, capacity = errors + wrong, max(capacity, rate)
        asking = Asking(address, seconds, json=True)
        of_json, wrong, _ = measure(pool, 1, asking, "JSON, 1 client")
        errors += wrong
        clients = max(CLIENTS)
        for share in SHARES:
            peak = share * capacity
            at_peak, wrong, _ = measure(
                pool,
                clients,
                Asking(address, long, clients / peak),
                f"Arrow, at {peak:.1f}/s ({share:.0%})",
            )
            errors += wrong
            if at_peak[1] <= AIM:
                break
        nominal = peak / PEAK
        asking = Asking(address, seconds, clients / nominal)
        _, wrong, _ = measure(pool, clients, asking, f"Arrow, at {nominal:.1f}/s (nominal)")
        errors += wrong
    print(
        f"server: arrow_p50_ms={quantiles[1][0]:.2f} arrow_p99_ms={quantiles[1][1]:.2f} "
        f"json_p99_ms={of_json[1]:.2f} nominal_rps={nominal:.1f} "
        f"nine_times_p99_ms={at_peak[1]:.2f} errors={errors}"
    )


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("--processes", type=int, default=1, help="that serve (default: 1)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--long", type=float, default=LONG, help="of those at rates")
    options = parser.parse_args()
    run(options.processes, options.seconds, options.long)


if __name__ == "__main__":
    main()
