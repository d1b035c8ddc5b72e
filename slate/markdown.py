"""Tables in Markdown, as Dagster's UI and files show them."""

from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """Text that stays within its cell of a table, as it is."""
    for mark in "\\`*|<>":
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table.

    Args:
        head: what each column is called.
        rows: of each row what its cells say, as they are.
    """
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(cell(str(one)) for one in row)} |" for row in rows]
    return "\n".join(lines)
