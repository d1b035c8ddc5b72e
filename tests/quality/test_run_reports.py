"""What is kept of each run: all that its checks found, and nobody's values."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from slate.quality.acceptance import Acceptance
from slate.quality.report_folders import report_folder
from slate.quality.run_reports import run_reports, write_report
from slate.quality.validations import validate
from tests.quality.library import MemberLoans, MemberProfile

AT = datetime(2026, 5, 1, 12, 5, tzinfo=UTC)


def test_what_was_found_is_read_again(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    previous = validate(MemberLoans, warehouse).profile
    warehouse.execute("update member_loans_current set usual_days_1d = 90.125")
    said = Acceptance("it is meant", "2026-05-01T12:00:00")
    found = validate(MemberLoans, warehouse, previous=previous, accepted=said)
    folder = report_folder(tmp_path, "abcdefgh-1")
    write_report(found, folder / "member_loans.json", AT, "abcdefgh-1")
    ((name, (report,)),) = run_reports(tmp_path).items()
    assert (name, report.view, report.folder) == ("member_loans", "member_loans", folder.name)
    assert (report.at, report.run, report.passed) == (AT, "abcdefgh-1", found.success)
    assert (report.compared_with, report.accepted) == (previous.as_of, "it is meant")
    assert report.profile == found.profile
    assert len(report.findings) == len(found.results)
    assert [one.success for one in report.findings] == sorted(r.success for r in found.results)
    why = "the mean of usual_days_1d is near that of the last good run"
    (mean,) = (one for one in report.failed if one.why == why)
    assert (mean.columns, mean.severity, mean.found) == (("usual_days_1d",), "warning", "")
    assert not [one for one in report.findings if "90.1" in one.why + one.found]


def test_rows_that_failed_are_counted_and_not_kept(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    warehouse.execute("update member_profile_current set reader = 'a secret' where member_id = 3")
    found = validate(MemberProfile, warehouse)
    assert not found.success
    path = report_folder(tmp_path, "abcdefgh-1") / "member_profile.json"
    write_report(found, path, AT, "abcdefgh-1")
    (report,) = run_reports(tmp_path)["member_profile"]
    (failed,) = report.failed
    assert (failed.columns, failed.unexpected, failed.found) == (("reader",), 1, "")
    findings, _, profile = path.read_text().partition('"profile"')
    assert "secret" not in findings
    assert "secret" in profile, "a category; the catalogue shows those of some rows alone"


def test_the_newest_run_is_first_and_what_is_cut_off_is_passed_over(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = validate(MemberProfile, warehouse)
    for number in (1, 2, 3):
        run = f"{number}bcdefgh"
        folder = tmp_path / f"2026-05-0{number}T00-00-00-{run}"
        write_report(found, folder / "member_profile.json", AT, run)
    path = folder / "member_profile.json"
    path.write_text(path.read_text()[:200])
    assert [report.run for report in run_reports(tmp_path)["member_profile"]] == [
        "2bcdefgh",
        "1bcdefgh",
    ]
