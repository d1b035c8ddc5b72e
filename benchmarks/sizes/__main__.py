"""Cost against size: ``make bench-sizes``.

Each part is measured against the same real store, emptied before it::

    candidates   a feed request against the candidates that it names, near and from the store
    features     2,000 candidates against the features of the service, near and from the store
    rows         near rows against their number: loading, a request, memory, CPU at rest
    shared       memory and CPU of processes that share near rows, and of those that each keep them
    freshness    from an event to its being seen in a near view, against the events a second

It prints what it measures, and draws it as SVG files.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sizes import latency, near_freshness, near_rows, plots, shared_rows
from benchmarks.sizes.latency import Latency
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import connect

PARTS = ("candidates", "features", "rows", "shared", "freshness")
CANDIDATES = 2_000
PLOTS = Path(__file__).parents[1] / "plots"


@dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
        candidates: how many a feed names.
        features: how many a service has.
        rows: how many are near.
        shared: how many are near in processes that share them.
        processes: how many processes share them.
        rates: the events a second.
        rounds: the requests of each size.
        seconds: for which CPU is measured at rest.
        long: for which events are written at each rate.
    """

    candidates: tuple[int, ...] = (100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
    features: tuple[int, ...] = (10, 30, 100, 300, 1_000)
    rows: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    shared: int = 100_000
    processes: tuple[int, ...] = (1, 2, 4)
    rates: tuple[int, ...] = (1_000, 10_000, 20_000)
    rounds: int = 200
    seconds: float = 10.0
    long: float = 60.0


QUICK = Sizes(
    candidates=(100, 1_000, 2_000),
    features=(10, 100, 1_000),
    rows=(10_000, 100_000),
    shared=20_000,
    processes=(1, 2),
    rates=(1_000, 5_000),
    rounds=10,
    seconds=3.0,
    long=10.0,
)


@dataclass(frozen=True)
class Run:
    """Where and how it is measured.

    Attributes:
        address: the store's.
        folder: for what is written meanwhile.
        sizes: what is measured.
        plots: where it is drawn; None for nowhere.
    """

    address: str
    folder: Path
    sizes: Sizes
    plots: Path | None

    def candidates(self) -> dict[str, float]:
        """A feed, by the candidates that it names."""
        found = latency.by_candidates(self.address, self.sizes.candidates, self.sizes.rounds)
        if self.plots:
            title = "A feed request, embedded, with its matrix"
            plots.latency(self.plots / "candidates.svg", found, "candidates", title)
        return _latencies("candidates", found, 2_000)

    def features(self) -> dict[str, float]:
        """A request of as many candidates, by the features of its service."""
        sizes = self.sizes
        found = latency.by_features(self.address, sizes.features, CANDIDATES, sizes.rounds)
        if self.plots:
            title = f"A request for {CANDIDATES:,} candidates, embedded, with its matrix"
            plots.latency(self.plots / "features.svg", found, "features of the service", title)
        return _latencies("features", found, 1_000)

    def rows(self) -> dict[str, float]:
        """Near rows, by their number."""
        sizes = self.sizes
        found = near_rows.by_rows(self.address, sizes.rows, sizes.rounds, sizes.seconds)
        if self.plots:
            plots.near_rows(self.plots / "near_rows.svg", found)
        most = found[-1]
        return {
            f"rows_{most.rows}_load_s": most.load,
            f"rows_{most.rows}_p50_ms": most.p50,
            f"rows_{most.rows}_bytes_each": most.held,
            f"rows_{most.rows}_idle_cpu_percent": most.idle,
        }

    def shared(self) -> dict[str, float]:
        """Near rows of several processes."""
        sizes = self.sizes
        found = shared_rows.by_processes(self.address, sizes.shared, sizes.processes, sizes.seconds)
        figures = {}
        for most in found[-1:]:
            for name, processes in (("own", most.own), ("shared", most.shared)):
                memory = sum(one.proportional for one in processes)
                figures[f"{name}_{most.number}_mb"] = memory
                figures[f"{name}_{most.number}_cpu_percent"] = sum(one.cpu for one in processes)
        return figures

    def freshness(self) -> dict[str, float]:
        """Events to near views, by the events a second."""
        sizes = self.sizes
        found = near_freshness.by_rate(self.address, self.folder, sizes.rates, sizes.long)
        if self.plots:
            plots.freshness(self.plots / "freshness.svg", found)
        figures = {}
        for rate, one in zip(sizes.rates, found, strict=True):
            figures[f"rate_{rate}_reached"] = one.rate
            figures[f"rate_{rate}_p50_ms"] = one.p50
            figures[f"rate_{rate}_p99_ms"] = one.p99
        return figures


def _latencies(what: str, found: Sequence[Latency], usual: int) -> dict[str, float]:
    """The figures of the usual size, and of the largest."""
    figures = {}
    for one in found:
        if one.size in (usual, found[-1].size):
            for name, (p50, p99) in (("near", one.near), ("store", one.store)):
                figures[f"{what}_{one.size}_{name}_p50_ms"] = p50
                figures[f"{what}_{one.size}_{name}_p99_ms"] = p99
    return figures


def parts(text: str) -> list[str]:
    """The parts that an option names.

    Raises:
        ArgumentTypeError: it names one that there is not.
    """
    named = text.split(",")
    if unknown := [name for name in named if name not in PARTS]:
        raise argparse.ArgumentTypeError(
            f"there is no {unknown[0]!r}: name some of {','.join(PARTS)}"
        )
    return [name for name in PARTS if name in named]


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sizes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=parts, default=list(PARTS), help="some parts: a,b")
    parser.add_argument("--quick", action="store_true", help="a short try of small sizes")
    parser.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="where to draw (default: benchmarks/plots; with --quick nowhere)",
    )
    options = parser.parse_args()
    drawn = options.plots or (None if options.quick else PLOTS)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, EmbeddedServer.attach(Path(name)) as server:
        sizes = QUICK if options.quick else Sizes()
        run = Run(server.address, Path(name), sizes, drawn)
        for part in options.only:
            with connect(server.address) as redis:
                redis.flushall()
            figures |= getattr(run, part)()
    print("sizes: " + " ".join(f"{name}={value:.2f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
