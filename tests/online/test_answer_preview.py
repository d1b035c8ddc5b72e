"""What an answer looks like at a prompt and in a notebook."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from slate.online import FeatureClient
from slate.online.serving.answer_preview import HTML_COLUMNS, Preview


class Cells(HTMLParser):
    """The texts of a table's cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: dict[str, list[str]] = {"th": [], "td": []}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag in self.cells:
            self.cells[tag].append("")

    def handle_data(self, data: str) -> None:
        if self.tags[-1] in self.cells:
            self.cells[self.tags[-1]][-1] += data


def preview(columns: dict[str, list[Any]], rows: int = 2, **given: Any) -> Preview:
    values = list(columns.values())
    told = {"states": [], "errors": [], **given}
    return Preview("s_v1", rows, list(columns), values.__getitem__, **told)


def test_an_answer_at_a_prompt(
    client: FeatureClient, published: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "75")
    games = ["chess", "go", *["nothing"] * 5]
    lines = repr(client.get("play_ranking", at=published, player_id=1, game_id=games)).splitlines()
    assert lines[:8] == [
        "<play_ranking_v3 at 2026-03-01 12:00:00 UTC: 7 rows x 53 features",
        " player_profile.nickname  player_profile.level  player_profile.joined_at",
        *[" Ann                                        12                      null"] * 5,
        " ... 2 more rows and 50 more features",
    ]
    known = "as of 2026-03-01 12:00:00 UTC, 0:00:00 behind"
    views = "game_catalog, game_activity, player_game_history, studio_profile"
    assert f" {views}, player_studio_history: 2 present, 5 default, {known}" in lines
    assert f" player_profile, player_activity: 7 present, {known}" in lines
    assert max(map(len, lines[1:8])) <= 75


def test_as_many_columns_as_fit_and_one_at_least() -> None:
    shown = preview({"ab": [1, 2], "cd": [3.0, None], "ef": ["x", "y"]})
    assert shown.text(80) == "<s_v1\n ab    cd  ef\n  1     3  x\n  2  null  y>"
    assert shown.text(13) == shown.text(80)
    assert shown.text(12) == "<s_v1\n ab    cd\n  1     3\n  2  null\n ... 1 more features>"
    assert shown.text(1).splitlines()[1] == " ab"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1 / 3, "0.333333"),
        (12, "12"),
        (True, "True"),
        ("a\nb\x1b[1m", r"a\nb\x1b[1m"),
        ("x" * 25, "x" * 21 + "..."),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01 12:00:00"),
        ([], "[]"),
        ([1, 2, 3, 4], "[1, 2, 3, ...]"),
    ],
)
def test_a_cell(value: Any, cell: str) -> None:
    assert preview({"a": [value]}, rows=1).text(80).splitlines()[2].strip(" >") == cell


def test_views_of_one_state_share_a_line_and_errors_are_counted() -> None:
    states = [("a", "2 present"), ("b", "1 missing"), ("c", "2 present")]
    errors = [f"e{number}" for number in range(5)]
    assert preview({}, rows=0, states=states, errors=errors).text(80).splitlines()[1:] == [
        " a, c: 2 present", " b: 1 missing", " error: e0", " error: e1", " error: e2",
        " ... and 2 more errors, in .errors>",
    ]  # fmt: skip


def test_html_is_escaped_and_whole() -> None:
    columns = {"<b>": ["<script>&", 1.5], **{f"c{n}": [n, n] for n in range(HTML_COLUMNS)}}
    html = preview(columns, rows=9, states=[("v", "<&")], errors=["<img>"]).html()
    found = Cells(html)
    assert not {"script", "b", "img"} & set(found.tags)
    assert found.cells["th"][:2] == ["<b>", "c0"]
    assert len(found.cells["th"]) == HTML_COLUMNS
    assert found.cells["td"][0] == "<script>&"
    assert found.cells["td"][HTML_COLUMNS] == "1.5"
    assert "... 4 more rows and 1 more features" in html
    assert "error: &lt;img&gt;" in html


def test_an_answer_in_a_notebook(client: FeatureClient, published: datetime) -> None:
    answer = client.get("play_ranking", at=published, player_id=1, game_id=["chess", "go"])
    found = Cells(answer._repr_html_())
    assert tuple(found.cells["th"]) == answer.names[:HTML_COLUMNS]
    title = answer.names.index("game_catalog.title")
    assert [found.cells["td"][title + start] for start in (0, HTML_COLUMNS)] == ["Chess", "Go"]
