"""What came of a view's suite, a file for each run: ``<data>/reports/<folder>/<view>.json``.

It has no rows: what failed is counted, and the values are told as distributions. The page beside it
(``<view>.html``) shows rows that failed, and is for those who may see them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from slate.quality.files import write_atomically
from slate.quality.profiles import MEAN, Profile, profile_of
from slate.quality.report_folders import run_folders
from slate.quality.reports import found_text
from slate.quality.results import Result, Validation


@dataclass(frozen=True)
class Finding:
    """What came of one expectation.

    Attributes:
        why: what must hold, and where it comes from.
        columns: the features that it is about; none if it is of the view as a whole.
        severity: "critical" or "warning".
        success: whether it is met.
        unexpected: how many rows do not meet it.
        share: the same as a share of all rows, from 0 to 1.
        found: what was found of the view as a whole, as text; never values of rows.
    """

    why: str
    columns: tuple[str, ...]
    severity: str
    success: bool
    unexpected: int
    share: float
    found: str


@dataclass(frozen=True)
class RunReport:
    """What came of a view's suite in one run.

    Attributes:
        view: the view's name.
        run: the run's id.
        at: when it was checked (UTC).
        passed: whether the view may be published.
        findings: what came of each expectation, those that are not met first.
        profile: the view's table in a few numbers.
        compared_with: of when the good run is that it was compared with; empty without one.
        psi, ks: how far features moved from that, by column.
        accepted: why a change from it was accepted; empty where none was.
        folder: the name of the run's folder.
    """

    view: str
    run: str
    at: datetime
    passed: bool
    findings: tuple[Finding, ...]
    profile: Profile
    compared_with: str
    psi: dict[str, float]
    ks: dict[str, float]
    accepted: str
    folder: str = ""

    @property
    def failed(self) -> list[Finding]:
        """What is not met."""
        return [finding for finding in self.findings if not finding.success]


def write_report(validation: Validation, path: Path, at: datetime, run: str) -> None:
    """Keep what came of a view's suite.

    Args:
        validation: what came of it.
        path: the file.
        at: when it was checked.
        run: the run's id.
    """
    before, said = validation.previous, validation.accepted
    met = [result for result in validation.results if result.success]
    report = RunReport(
        validation.view,
        run,
        at,
        validation.success,
        tuple(map(_finding, (*validation.failed, *met))),
        validation.profile,
        (before and before.as_of) or "",
        {name: move.psi for name, move in validation.moves.items()},
        {name: move.ks for name, move in validation.moves.items() if move.ks is not None},
        said.because if said else "",
    )
    kept = {**asdict(report), "at": at.isoformat(timespec="seconds")}
    del kept["folder"]  # which it lies in
    write_atomically(path, json.dumps(kept, allow_nan=False) + "\n")


def run_reports(reports: Path) -> dict[str, list[RunReport]]:
    """What is kept of each view's runs, the newest first; a file that holds none is left out."""
    found: dict[str, list[RunReport]] = {}
    for folder in reversed(run_folders(reports)):
        for report in _reports(folder):
            found.setdefault(report.view, []).append(report)
    return found


def _reports(folder: Path) -> Iterator[RunReport]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield _report(json.loads(path.read_text(encoding="utf-8")), folder.name)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            # Of a run that was killed, or of another version.
            continue


def _report(found: dict[str, Any], folder: str) -> RunReport:
    findings = tuple(
        Finding(**{**one, "columns": tuple(one["columns"])}) for one in found["findings"]
    )
    parts = {
        "at": datetime.fromisoformat(found["at"]),
        "findings": findings,
        "profile": profile_of(found["profile"]),
    }
    return RunReport(**{**found, **parts, "folder": folder})


def _finding(result: Result) -> Finding:
    expectation = result.expectation
    # What is found of rows may be values of theirs, and a mean may be of a single one.
    why, found = expectation.why, ""
    if str(expectation.parameters.get("column", "")).startswith(MEAN):
        why = f"the mean of {', '.join(expectation.columns)} is near that of the last good run"
    elif expectation.subject != "rows":
        found = found_text(result.observed)
    return Finding(
        why,
        expectation.columns,
        expectation.severity,
        result.success,
        result.unexpected,
        result.share,
        found,
    )
