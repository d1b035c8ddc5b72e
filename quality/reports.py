"""Reports: a validation in words, for people."""

from typing import Any

from slate.markdown import cell
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
            else f"found {found_text(result.observed) or 'otherwise'}"
        )
        for result in validation.failed
    ]


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
