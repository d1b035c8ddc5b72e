"""A validation as a page of its own, which needs nothing else to be seen."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from slate.quality.files import write_atomically
from slate.quality.profiles import Profile
from slate.quality.reports import found_text, headline, rows_text, value_text
from slate.quality.results import Result, Validation

_SHOWN = 5  # examples of each failure
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --quiet: #777;
        --good: #1a7f4b; --critical: #c62f3b; --warning: #b26a00; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2.5rem auto;
       padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .75rem; }
p { margin: .25rem 0; }
.quiet { color: var(--quiet); }
.mark { color: #fff; border-radius: 1rem; padding: .1rem .65rem; font-size: .8rem;
        font-weight: 600; vertical-align: .15em; white-space: nowrap; }
.good { background: var(--good); } .critical { background: var(--critical); }
.warning { background: var(--warning); }
.failure { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem;
           margin: .75rem 0; }
.rows { overflow-x: auto; }
summary { cursor: pointer; }
table { border-collapse: collapse; font-size: .875rem; margin-top: .5rem; }
th, td { text-align: left; padding: .3rem 1.25rem .3rem 0; border-bottom: 1px solid var(--line);
         vertical-align: top; }
th { font-weight: 600; color: var(--quiet); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.failure td { font-family: ui-monospace, monospace; }
"""


def page(validation: Validation) -> str:
    """The page, as HTML that is XML too."""
    state = "good" if validation.success else "critical"
    word = "may be published" if validation.success else "held back"
    met = [result for result in validation.results if result.success]
    instant = validation.profile.as_of or "no instant"
    body = [
        f"<h1>{escape(validation.view)} <span class='mark {state}'>{word}</span></h1>",
        f"<p>{escape(headline(validation))}.</p>",
        f"<p class='quiet'>As of {escape(instant)} (UTC).</p>",
    ]
    if validation.failed:
        body.append("<h2>Not met</h2>")
        body += [_failure(result) for result in validation.failed]
    body += ["<h2>Profile</h2>", _profile(validation.profile), "<h2>Met</h2>"]
    body.append(f"<details><summary>{len(met)} expectations</summary>{_met(met)}</details>")
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8' />\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1' />\n"
        f"<title>{escape(validation.view)}: {word}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def write_page(validation: Validation, path: Path) -> None:
    """Write a validation's page; it is whole when it is seen."""
    write_atomically(path, page(validation))


def _failure(result: Result) -> str:
    severity = result.expectation.severity
    rows, found = rows_text(result), found_text(result.observed)
    facts = [f"Rows that do not: {rows}" if rows else "", f"Found: {found}" if found else ""]
    told = ". ".join(fact for fact in facts if fact)
    return (
        f"<div class='failure'><p><span class='mark {severity}'>{severity}</span> "
        f"{escape(result.expectation.why)}</p><p class='quiet'>{escape(told)}</p>"
        f"{_examples(result.examples[:_SHOWN])}</div>"
    )


def _examples(examples: Sequence[dict[str, Any]]) -> str:
    if not examples:
        return ""
    return _table(list(examples[0]), ([value_text(v) for v in row.values()] for row in examples))


def _met(results: Sequence[Result]) -> str:
    rows = ([r.expectation.why, found_text(r.observed), rows_text(r)] for r in results)
    return _table(["What holds", "Found", "Rows excepted"], rows)


def _profile(profile: "Profile") -> str:
    names = ("mean", "std", "min", "max")
    rows = (
        [column, f"{numbers.null_share:.2%}", *(_number(getattr(numbers, name)) for name in names)]
        for column, numbers in profile.columns.items()
    )
    return _table(["Column", "Null", *(name.capitalize() for name in names)], rows, numbers=1)


def _number(value: Any) -> str:
    return "" if value is None else value_text(value)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: int | None = None) -> str:
    """A table whose columns from ``numbers`` on are numbers."""

    def row(tag: str, cells: Sequence[str]) -> str:
        classes = [" class='number'" if numbers and i >= numbers else "" for i in range(len(cells))]
        inner = (
            f"<{tag}{c}>{escape(cell)}</{tag}>" for c, cell in zip(classes, cells, strict=True)
        )
        return f"<tr>{''.join(inner)}</tr>"

    body = "\n".join(row("td", cells) for cells in rows)
    return f"<div class='rows'><table>\n{row('th', heads)}\n{body}\n</table></div>"
