"""Text for people: tables, plain where no terminal shows them, and progress with its time."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import Any

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
GAP = "  "
# So many values of a list are shown.
LISTED = 3

Say = Callable[[str], None]


def heading(text: str) -> str:
    """A line that stands out on a terminal."""
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"{BOLD}{text}{PLAIN}"
    return text


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), right: bool = False) -> str:
    """Rows in aligned columns.

    Args:
        rows: the cells, as many in each row.
        head: the names of the columns, if they have any; one without a value is left out.
        right: whether the columns after the first are aligned to the right, as numbers are.
    """
    lines = [[" ".join(cell.split()) for cell in row] for row in rows]
    if head:
        used = [any(column) for column in zip(*lines, strict=True)]
        lines = [list(compress(line, used)) for line in [list(head), *lines]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        GAP.join(
            cell.rjust(width) if right and place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    if head:
        text[0] = heading(text[0])
    return "\n".join(text)


def shown_instant(at: datetime) -> str:
    """A time as people read it, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def shown_value(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        more = f", ... ({len(value)})" if len(value) > LISTED else ""
        return ", ".join(map(shown_value, value[:LISTED])) + more
    if isinstance(value, datetime):
        return shown_instant(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class Clock:
    """What tells of progress on standard error, each line with the seconds since it was made.

    Attributes:
        began: when that was, as ``time.monotonic`` tells.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell a line."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", file=sys.stderr, flush=True)
