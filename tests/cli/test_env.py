"""`--env` and `slate env`: which preview a command is about."""

import os

import pytest

from slate.deployment import Deployment
from tests.cli.conftest import Slate


def test_a_preview_that_is_not_there_is_told_of_and_not_made(
    slate: Slate, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("query", "station_outlook", "station_id=1", "expected=2")
    for arguments in (("--env", "reviw", *asked), (*asked, "--env", "reviw"), ("status",)):
        if arguments == ("status",):
            monkeypatch.setenv("SLATE_ENV", "reviw")
        refused = slate(*arguments)
        assert refused.code == 1
        assert refused.err.startswith("slate: there is no preview 'reviw' in ")
        assert "`slate run --env reviw` makes it" in refused.err
    assert not bikes.data.exists()
    assert slate("list").code == 0, "it needs none of its data"


def test_a_command_is_about_the_preview_that_it_names_and_the_next_is_not(
    slate: Slate, bikes: Deployment
) -> None:
    preview = bikes.preview("review")
    preview.data.mkdir(parents=True)
    shown = slate("status", "--env", "review")
    assert shown.out.startswith("bikes@review, ")
    assert slate("status").out.startswith("bikes, ")
    assert not os.environ.get("SLATE_ENV")
    listed = slate("env", "list")
    assert listed.code == 0
    head, row = listed.out.splitlines()
    assert head.split() == ["preview", "built", "MB", "keys", "folder"]
    assert row.split() == ["review", "never", "0.0", "its", "own", "store", str(preview.data)]
    assert slate("env", "remove", "review").out == "review: 0 keys and 0.0 MB removed\n"
    assert not preview.data.parent.exists()
    assert slate("env", "list").err.startswith("bikes has no previews: `slate run --env NAME`")


@pytest.mark.parametrize("name", ["Review", "a/b", "prod"])
def test_names_are_checked_before_anything(slate: Slate, bikes: Deployment, name: str) -> None:
    for arguments in (("run", "--env", name), ("env", "remove", name)):
        refused = slate(*arguments)
        assert refused.code == 1
        assert repr(name) in refused.err
    assert not bikes.data.exists()


def test_an_empty_name_is_not_production(slate: Slate) -> None:
    for arguments in (("--env", "", "status"), ("status", "--env", "")):
        refused = slate(*arguments)
        assert refused.code == 2
        assert "names no preview: leave --env out for production" in refused.err
