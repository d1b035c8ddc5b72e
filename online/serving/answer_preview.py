"""The first rows of an answer as people read them: text for a terminal, HTML for a notebook."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

ROWS = 5
HTML_COLUMNS = 50
ERRORS = 3
GAP = "  "
_CELL = 24
_ITEMS = 3


@dataclass(frozen=True)
class Preview:
    """What is shown of an answer.

    Attributes:
        title: what it is an answer to.
        rows: how many rows it has.
        names: its columns.
        values: the first values of a column, by its place: Python's own, None where null.
        states: what is told of each view, by name.
        errors: what went wrong.
    """

    title: str
    rows: int
    names: Sequence[str]
    values: Callable[[int], Sequence[Any]]
    states: Sequence[tuple[str, str]]
    errors: Sequence[str]

    def text(self, width: int | None = None) -> str:
        """The preview as text.

        Args:
            width: how many characters a line of the table may have; None for the terminal's.
        """
        lines = [self.title]
        if self.rows:
            lines += [f" {line}" for line in self._table(width or _terminal_width())]
        lines += [f" {note}" for note in self._notes()]
        text = "\n".join(lines)
        return f"<{text}>"

    def html(self) -> str:
        """The preview as HTML; all that comes from data is escaped."""
        shown = min(len(self.names), HTML_COLUMNS)
        columns = [[_cell(value) for value in self.values(place)] for place in range(shown)]
        head = "".join(f"<th>{escape(name)}</th>" for name in self.names[:shown])
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
            for row in zip(*columns, strict=True)
        )
        notes = [*self._more(shown), *self._notes()]
        return (
            f"<div><p><strong>{escape(self.title)}</strong></p>"
            '<div style="overflow-x: auto"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
            f"<p>{'<br>'.join(map(escape, notes))}</p></div>"
        )

    def _table(self, width: int) -> list[str]:
        """The table's lines: as many columns as fit, but one at least."""
        columns: list[list[str]] = []
        left = width - 1
        for place, name in enumerate(self.names):
            values = self.values(place)
            cells = [name, *map(_cell, values)]
            size = max(map(len, cells))
            left -= size + (len(GAP) if columns else 0)
            if columns and left < 0:
                break
            # As numbers are read.
            number = all(type(value) in (int, float, type(None)) for value in values)
            columns.append([cell.rjust(size) if number else cell.ljust(size) for cell in cells])
        lines = [GAP.join(row).rstrip() for row in zip(*columns, strict=True)]
        return [*lines, *self._more(len(columns))]

    def _more(self, columns: int) -> list[str]:
        """What of the table is not shown."""
        rows, features = self.rows - ROWS, len(self.names) - columns
        more = [f"{rows:,} more rows"] if rows > 0 else []
        more += [f"{features:,} more features"] if features > 0 else []
        return [f"... {' and '.join(more)}"] if more else []

    def _notes(self) -> list[str]:
        """What is told of the views, those of which the same is told in one line, and errors."""
        told: dict[str, list[str]] = {}
        for view, state in self.states:
            told.setdefault(state, []).append(view)
        lines = [f"{', '.join(views)}: {state}" for state, views in told.items()]
        lines += [f"error: {error}" for error in self.errors[:ERRORS]]
        if len(self.errors) > ERRORS:
            lines.append(f"... and {len(self.errors) - ERRORS} more errors, in .errors")
        return lines


def moment(at: datetime) -> str:
    """A time as it is shown: UTC, and no more digits of a second than it has."""
    return f"{at.astimezone(UTC).replace(tzinfo=None)} UTC"


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns


def _cell(value: Any) -> str:
    match value:
        case None:
            text = "null"
        case float():
            text = f"{value:.6g}"
        case datetime():
            text = str(value.replace(tzinfo=None))
        case list():
            more = ", ..." if len(value) > _ITEMS else ""
            text = f"[{', '.join(map(_cell, value[:_ITEMS]))}{more}]"
        case _:
            text = str(value)
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= _CELL else f"{text[: _CELL - 3]}..."
