"""What is tagged pii is computed with; it is not logged or shown, nor read without the scope."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from slate.assets import answer_files
from slate.assets.answer_files import take_in
from slate.cli.main import command
from slate.deployment import Deployment
from slate.online import FeatureClient, RemoteClient
from slate.online.http.access import Access, new_key
from slate.online.http.application import Application
from slate.online.http.settings import Settings
from slate.online.serving import answer_log
from tests.online import arcade
from tests.online.http.in_process import serving

pytestmark = pytest.mark.process

ASKED: dict[str, Any] = {"player_id": 1, "game_id": ["chess", "go"], "request_id": "r1"}
HIDDEN = ("player_profile.nickname", "player_profile.level")


@pytest.fixture(autouse=True)
def tagged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text, which is null then; and a number, which is its default."""
    monkeypatch.setattr(arcade.PlayerProfile.nickname, "tags", ("pii",))
    monkeypatch.setattr(arcade.PlayerProfile.level, "tags", ("pii",))
    monkeypatch.setattr(arcade.play_ranking, "logged", 1.0)
    monkeypatch.setattr(answer_log, "PAUSE", 0.01)


@pytest.fixture
def whole(deployment: Deployment, published: datetime) -> Iterator[list[dict[str, Any]]]:
    with FeatureClient.connect(deployment, timeout=10, refresh=0) as client:
        yield client.get("play_ranking", at=published, **ASKED).to_dicts()


def test_it_is_not_logged(
    deployment: Deployment, published: datetime, redis: Redis, tmp_path: Path
) -> None:
    with FeatureClient.connect(deployment, timeout=10, refresh=0) as client:
        served = client.get("play_ranking", at=published, **ASKED).to_dicts()
    assert all(served[0][name] is not None for name in HIDDEN)
    take_in(redis, "arcade", "play_ranking_v3", tmp_path / "log")
    (name,) = answer_files.names(tmp_path / "log")
    logged = answer_files.answers_in(tmp_path / "log", name).to_pylist()
    for row, answer in zip(logged, served, strict=True):
        assert {name: row[name] for name in answer} == answer | dict.fromkeys(HIDDEN)


def test_a_key_without_the_scope_does_not_read_it(
    deployment: Deployment, published: datetime, whole: list[dict[str, Any]], tmp_path: Path
) -> None:
    file, registry = tmp_path / "keys.json", deployment.registry
    keys = {
        "plain": new_key(file, "plain", [], registry),
        "trusted": new_key(file, "trusted", [], registry, personal=True),
    }
    application = Application(deployment, Access(file), Settings(timeout=10))
    with serving(application) as address:
        for name, key in keys.items():
            with RemoteClient.connect(address, key=key, timeout=20) as remote:
                answer = remote.get("play_ranking", at=published, **ASKED)
                if name == "trusted":
                    assert answer.to_dicts() == whole
                    assert answer.errors == ()
                    continue
                # What is computed of it is as it was.
                nothing = {"player_profile.nickname": None, "player_profile.level": 1}
                assert answer.to_dicts() == [row | nothing for row in whole]
                assert len(answer.errors) == len(HIDDEN)
                assert all("the key 'plain' may not read" in error for error in answer.errors)
    with (
        serving(Application(deployment, None, Settings(timeout=10))) as address,
        RemoteClient.connect(address, timeout=20) as remote,
    ):
        assert remote.get("play_ranking", at=published, **ASKED).to_dicts() == whole


def test_a_scope_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"a": {"hash": "5f", "services": ["*"], "scopes": ["all"]}}')
    with pytest.raises(Exception, match="'a' is not"):
        Access(file)


def test_query_and_keys_show_it_only_when_asked(
    deployment: Deployment,
    published: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "slate.toml").write_text(
        f'name = "arcade"\ndefinitions = "{deployment.definitions}"\ndbt_project = "."\n'
    )
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path / "slate.toml"))
    monkeypatch.setenv("SLATE_REDIS", replace(deployment).redis)
    at = ["--at", published.isoformat()]
    query = ["query", "play_ranking", "player_id=1", "game_id=chess", *at]
    for asked in (query, [*query, "--json"], ["keys", "player_profile", "1", *at]):
        assert command(asked) == 0
        plain = capsys.readouterr().out
        assert command([*asked, "--pii"]) == 0
        shown = capsys.readouterr().out
        assert "[pii]" in plain
        assert "[pii]" not in shown
        assert "Ann" in shown
        assert "Ann" not in plain
