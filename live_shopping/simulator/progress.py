"""Progress for people: a bar on a terminal, a line per simulated day elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from live_shopping.simulator.summary import Progress


@contextmanager
def progress_report() -> Iterator[Callable[[Progress], None]]:
    """Give what `simulate` shall call after each hour; it writes to standard error."""
    if not sys.stderr.isatty():
        yield _print_days
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")

        def show(progress: Progress) -> None:
            told = f"{progress.hour:%Y-%m-%d %H:%M}  {progress.rows:,} rows"
            bar.update(task, completed=progress.done, total=progress.total, description=told)

        yield show


def _print_days(progress: Progress) -> None:
    if progress.hour.hour == 23 or progress.done == progress.total:
        print(
            f"{progress.hour:%Y-%m-%d %H:%M}  {progress.done}/{progress.total} hours,"
            f" {progress.rows:,} rows",
            file=sys.stderr,
        )
