"""The command line of the simulator."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from live_shopping.simulator.config import SimulationConfig
from live_shopping.simulator.progress import progress_report
from live_shopping.simulator.simulation import simulate
from live_shopping.simulator.summary import Summary
from slate.errors import SlateError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = vars(_parser().parse_args(arguments))
    try:
        config = SimulationConfig(**options)
        with progress_report() as on_progress:
            summary = simulate(config, on_progress)
    except SlateError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; give the same command to go on", file=sys.stderr)
        return 130
    print(_told(summary, config))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m live_shopping.simulator",
        description="Simulates a live-shopping marketplace. Writes the hours that are missing in"
        " DATA/landing, up to END; run it again later to go on.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = Path(os.environ.get("SLATE_DATA", "data"))
    option = parser.add_argument
    option("--data", type=Path, default=data, metavar="DIR", help="data directory")
    option("--days", type=int, default=10, help="length of the period")
    option(
        "--end",
        type=_hour,
        default=argparse.SUPPRESS,
        metavar="HOUR",
        help="end of the period in UTC, such as 2026-11-22T09 (default: the last full hour)",
    )
    option("--events", type=int, default=700_000, help="events in the period, about")
    option(
        "--impressions",
        type=int,
        default=argparse.SUPPRESS,
        help="impressions logged in the period, about (default: 0.3 per event)",
    )
    option("--viewers", type=int, default=20_000, help="viewers at the start")
    option("--sellers", type=int, default=2_000, help="sellers at the start")
    option("--seed", type=int, default=7, help="another seed gives another marketplace")
    return parser


def _hour(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO time") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _told(summary: Summary, config: SimulationConfig) -> str:
    if summary.hours == 0:
        return (
            f"nothing to do: {config.landing} has every hour up to {summary.start:%Y-%m-%d %H:%M}"
        )
    lines = [
        f"{config.landing}: {summary.hours} hours,"
        f" {summary.start:%Y-%m-%d %H:%M} to {summary.end:%Y-%m-%d %H:%M} UTC"
    ]
    lines += [
        f"{name:16}{source.rows:>12,} rows {source.files:>6,} files {source.late:>9,} late"
        f" {source.duplicated:>9,} duplicated {source.malformed:>8,} malformed"
        for name, source in summary.sources.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
