"""`slate docs`: the catalogue as a site."""

from pathlib import Path

import pytest

from slate.deployment import Deployment
from tests.cli.conftest import Slate


def test_it_says_where_the_site_is(slate: Slate, bikes: Deployment) -> None:
    done = slate("docs")
    index = bikes.catalogue / "index.html"
    assert (done.code, done.out) == (0, f"{index}\n")
    assert "the online store did not run" in done.err
    assert "station_moves" in index.read_text()
    assert [path.name for path in bikes.data.iterdir()] == ["catalogue"], "no store was started"


def test_it_is_written_where_it_is_told_to(
    slate: Slate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert slate("docs", "--out", "site").out == f"{tmp_path / 'site/index.html'}\n"
    (tmp_path / "file").touch()
    refused = slate("docs", "--out", "file/site")
    assert refused.code == 1
    assert "cannot be written (Not a directory): see that this user may write there" in refused.err


def test_a_store_that_cannot_be_reached_is_a_gap(
    slate: Slate, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATE_REDIS", "redis://:secret@127.0.0.1:1")
    done = slate("docs")
    assert done.code == 0
    assert "the online store cannot be reached" in done.err
    assert "secret" not in done.err
    assert "secret" not in (bikes.catalogue / "index.html").read_text()
