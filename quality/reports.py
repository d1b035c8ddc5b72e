"""Reports: a validation in words, for people."""

from typing import Any

from slate.markdown import cell
from slate.quality.profiles import SHARES
from slate.quality.results import Result, Validation

_SHOWN = 3  # examples in a table's cell


def markdown(validation: Validation) -> str:
    """A validation as a Markdown table, failed expectations first."""
    lines = [
        f"**{headline(validation)}**",
        "",
        "| | What must hold | Rows that do not | Found | For example |",
        "|---|---|---|---|---|",
    ]
    met = [result for result in validation.results if result.success]
    for result in (*validation.failed, *met):
        state = "met" if result.success else f"**{result.expectation.severity}**"
        examples = () if result.success else result.examples[:_SHOWN]
        cells = (
            result.expectation.why,
            rows_text(result),
            found_text(result.observed),
            "; ".join(example_text(example) for example in examples),
        )
        lines.append(f"| {state} | {' | '.join(cell(text) for text in cells)} |")
    return "\n".join(lines) + "\n"


def headline(validation: Validation) -> str:
    """A validation in one sentence."""
    total, failed = len(validation.results), len(validation.failed)
    critical = sum(r.expectation.severity == "critical" for r in validation.failed)
    rows = f"{validation.profile.rows:,} rows of {validation.table}"
    if not failed:
        return f"All {total} expectations of {rows} are met"
    return (
        f"{failed} of {total} expectations of {rows} are not met "
        f"({critical} critical, {failed - critical} warning)"
    )


def failures(validation: Validation) -> list[str]:
    """What is not met, in a sentence each, critical ones first."""
    return [
        f"{result.expectation.why}; "
        + (
            f"{rows_text(result)} of the rows are otherwise"
            if result.unexpected
            else f"found {_found(result, validation.profile.rows)}"
        )
        for result in validation.failed
    ]


def summary(validation: Validation, view: str, most: int) -> list[str]:
    """What is not met, so many at most; of a view that is held back what for, and what to do.

    Args:
        validation: what came of the view's suite.
        view: its name.
        most: how many failures are told.
    """
    told = failures(validation)
    if validation.success:
        return told[:most]
    failed = [result.expectation for result in validation.failed]
    critical = [expectation for expectation in failed if expectation.severity == "critical"]
    lines = told[: min(most, len(critical))]
    if all(expectation.compared for expectation in critical):
        lines.append(f"if that is meant: `slate accept {view} --because '...'`")
    if warnings := len(failed) - len(critical):
        lines.append(f"warnings besides, for which nothing is held back: {warnings}")
    return lines


def _found(result: Result, rows: int) -> str:
    column = str(result.expectation.parameters.get("column", ""))
    if column.startswith(SHARES) and isinstance(result.observed, int | float):
        return f"{100 * result.observed:.3g}% of {rows:,}"
    return found_text(result.observed) or "otherwise"


def rows_text(result: Result) -> str:
    """How many rows do not meet an expectation."""
    return f"{result.unexpected:,} ({100 * result.share:.3g}%)" if result.unexpected else ""


def found_text(observed: Any) -> str:
    """What was found, as text."""
    if isinstance(observed, dict):
        return "; ".join(f"{name} {', '.join(items)}" for name, items in observed.items())
    if observed is None or isinstance(observed, list):
        return ""
    return value_text(observed)


def value_text(value: Any) -> str:
    """A value as text: numbers short, null as such, what cannot be printed escaped."""
    if value is None:
        return "null"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else repr(text)


def example_text(example: dict[str, Any]) -> str:
    """A row as text."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in example.items())
