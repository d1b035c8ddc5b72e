"""Reports show what failed, with the keys, whatever the values are."""

from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from slate.quality import report_folders
from slate.quality.page import page, write_page
from slate.quality.reports import failures, markdown, summary
from slate.quality.results import Result, Validation
from slate.quality.validations import validate
from tests.quality.library import MemberBranchLoans, MemberProfile

AWKWARD = "</td>|<b>&\n\x00`*"


@pytest.fixture
def spoilt(warehouse: duckdb.DuckDBPyConnection) -> Validation:
    warehouse.execute(
        "update member_branch_loans_current set branch_id = ?, loans_1h = 4 "
        "where member_id = 3 and branch_id = 'north'",
        [AWKWARD],
    )
    previous = validate(MemberBranchLoans, warehouse).profile
    warehouse.execute("update member_branch_loans_current set loans_1d = 30 where member_id != 3")
    return validate(MemberBranchLoans, warehouse, previous=previous)


def test_nothing_personal_is_shown(
    warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemberBranchLoans.features["loans_1h"], "tags", ("pii",))
    monkeypatch.setattr(MemberBranchLoans.features["loans_1d"], "tags", ("pii",))
    warehouse.execute("update member_branch_loans_current set loans_1h = 4711, loans_1d = 4710")
    found = validate(MemberBranchLoans, warehouse)
    (failed,) = [one for one in found.failed if "loans_1h is at most loans_1d" in failed_why(one)]
    assert {row["loans_1h"] for row in failed.examples} == {"[pii]"}
    assert {row["member_id"] for row in failed.examples} != {"[pii]"}
    assert "4711" not in "".join(failures(found)) + markdown(found)
    assert {found.profile.columns[name].max for name in ("loans_1h", "loans_1d")} == {None}
    assert not {"loans_1h", "loans_1d"} & found.profile.distributions.keys()


def failed_why(result: Result) -> str:
    return result.expectation.why


def test_the_page_is_whole_by_itself(spoilt: Validation) -> None:
    html = page(spoilt)
    tree = ElementTree.fromstring(html)
    assert not [link for link in tree.iter() if {"src", "href"} & link.attrib.keys()]
    assert "url(" not in html
    assert "@import" not in html
    text = " ".join(tree.itertext())
    assert "held back" in text
    assert "loans_1h is at most loans_1d: the longer window holds the shorter one" in text
    assert "Rows that do not: 1 (12.5%)" in text
    cells = [cell.text for cell in tree.iter("td")]
    at = cells.index("3")
    assert cells[at : at + 4] == ["3", repr(AWKWARD), "4", "3"]


def test_markdown_has_failures_first_and_one_line_each(spoilt: Validation) -> None:
    headline, blank, *table = markdown(spoilt).splitlines()
    assert headline == (
        "**2 of 22 expectations of 8 rows of member_branch_loans_current are not met "
        "(1 critical, 1 warning)**"
    )
    assert not blank
    assert len(table) == 2 + len(spoilt.results)
    states = [line.split(" ")[1] for line in table[2:]]
    assert states == ["**critical**", "**warning**", *["met"] * (len(spoilt.results) - 2)]
    assert "member_id=3, branch_id=" in table[2]
    assert all(line.replace("\\|", "").count("|") == 6 for line in table)


def test_failures_are_a_sentence_each(spoilt: Validation) -> None:
    crossed, drifted = failures(spoilt)
    assert crossed == (
        "loans_1h is at most loans_1d: the longer window holds the shorter one; "
        "1 (12.5%) of the rows are otherwise"
    )
    assert drifted.startswith("the mean of loans_1d is from ")
    assert "; found " in drifted


def test_a_summary_has_what_a_view_is_held_back_for_apart_from_warnings(
    spoilt: Validation,
) -> None:
    crossed, _ = failures(spoilt)
    warned = "warnings besides, for which nothing is held back: 1"
    # To accept what crosses would not help.
    assert summary(spoilt, "member_branch_loans", 5) == [crossed, warned]


def test_good_reports_say_so(warehouse: duckdb.DuckDBPyConnection) -> None:
    validation = validate(MemberProfile, warehouse)
    html = page(validation)
    ElementTree.fromstring(html)
    assert "may be published" in html
    assert "Not met" not in html
    assert failures(validation) == []
    assert markdown(validation).startswith("**All ")


def test_a_report_is_written_whole(spoilt: Validation, tmp_path: Path) -> None:
    path = tmp_path / "reports" / "member_branch_loans.html"
    path.parent.mkdir()
    path.write_text("older")
    write_page(spoilt, path)
    assert path.read_text(encoding="utf-8") == page(spoilt)
    assert list(path.parent.iterdir()) == [path]


def test_the_reports_of_each_run_are_kept_up_to_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_folders, "KEPT", 3)
    (tmp_path / "member_loans.profile.json").write_text("{}")
    (tmp_path / "2026-01-01T00-00-00-00000000").mkdir()
    folders = [report_folders.report_folder(tmp_path, f"{n}234567-89ab") for n in range(1, 5)]
    assert report_folders.report_folder(tmp_path, "4234567-89ab") == folders[-1]
    assert (tmp_path / "latest").resolve() == folders[-1].resolve()
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"latest", "member_loans.profile.json", *(f.name for f in folders[1:])}
