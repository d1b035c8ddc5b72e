"""The history of a view's gates: a line for each run, in ``<data>/reports/<view>.gates.jsonl``."""

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from slate import markdown
from slate.quality.files import write_atomically
from slate.quality.reports import failures
from slate.quality.results import Validation

SHOWN = 20  # of the newest runs
# Of a view of a dozen features two years of hourly runs.
MOST_BYTES = 16 * 2**20


def entry(validation: Validation, at: datetime, run: str) -> dict[str, Any]:
    """What is kept of a run.

    Args:
        validation: what came of it.
        at: when it was checked.
        run: its id.
    """
    profile, before, accepted = validation.profile, validation.previous, validation.accepted
    critical = [
        text
        for result, text in zip(validation.failed, failures(validation), strict=True)
        if result.expectation.severity == "critical"
    ]
    return {
        "at": at.isoformat(timespec="seconds"),
        "run": run,
        "as_of": profile.as_of,
        "compared_with": before and before.as_of,
        "passed": validation.success,
        "rows": profile.rows,
        "nulls": {name: item.null_share for name, item in profile.columns.items()},
        "defaults": profile.defaults,
        "psi": {name: move.psi for name, move in validation.moves.items()},
        "ks": {n: move.ks for n, move in validation.moves.items() if move.ks is not None},
        "held_back_for": critical,
        "accepted": accepted and asdict(accepted),
    }


def append(reports: Path, view: str, line: dict[str, Any]) -> None:
    """Keep what came of a run; of a long history the older half goes."""
    reports.mkdir(parents=True, exist_ok=True)
    path = _path(reports, view)
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                # Behind a line that was cut off this one would be lost with it.
                file.write(b"\n")
        file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
    if path.stat().st_size > MOST_BYTES:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_atomically(path, "".join(lines[len(lines) // 2 :]))


def newest(reports: Path, view: str, most: int = SHOWN) -> list[dict[str, Any]]:
    """The newest runs, the newest first; a line that was cut off is left out."""
    path = _path(reports, view)
    if not path.exists():
        return []
    found = []
    for line in reversed(path.read_text(encoding="utf-8").splitlines()):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
        if len(found) == most:
            break
    return found


def table(lines: list[dict[str, Any]]) -> str:
    """Runs as a Markdown table."""
    rows = []
    for line in lines:
        what = "passed" if line["passed"] else f"held back: {'; '.join(line['held_back_for'])}"
        if line["accepted"]:
            what += f", as accepted: {line['accepted']['because']}"
        elif line["compared_with"] is None:
            what += ", with nothing to compare"
        cells = (line["at"], f"{line['rows']:,}", _greatest(line["psi"]), _greatest(line["ks"]))
        rows.append((*cells, what))
    head = ("checked at", "rows", "greatest PSI", "greatest KS", "")
    return markdown.table(head, rows) + "\n"


def _greatest(values: dict[str, float]) -> str:
    if not values:
        return ""
    column = max(values, key=lambda name: values[name])
    return f"{values[column]:.3f} ({column})"


def _path(reports: Path, view: str) -> Path:
    return reports / f"{view}.gates.jsonl"
