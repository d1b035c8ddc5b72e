"""What the README shows runs as written."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slate.errors import DataError

README = Path(__file__).parents[2] / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
# A line is to be put where the text says.
WHOLE = [snippet for snippet in SNIPPETS if snippet.count("\n") > 1]


@pytest.fixture(autouse=True)
def _somewhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLATE_CONFIG", str(README.parent / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SLATE_REDIS", raising=False)
    current = tmp_path / "data/training/feed_ranking_v1/current"
    current.mkdir(parents=True)
    pq.write_table(pa.table({"viewer_activity.taps_1h": [3]}), current / "part.parquet")


def test_there_are_snippets() -> None:
    assert len(WHOLE) >= 3


@pytest.mark.parametrize("snippet", WHOLE, ids=lambda text: text.split("\n")[-2].strip())
def test_a_snippet_runs_as_written(snippet: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "shop.definitions"}
    if "slate.history(" in snippet:
        # Of a warehouse, tests/history tells.
        with pytest.raises(DataError, match=r"there is no warehouse .* build it with `slate run`"):
            exec(compile(snippet, "README.md", "exec"), names)
        return
    exec(compile(snippet, "README.md", "exec"), names)
    assert capsys.readouterr().out == "", "no event is refused"
