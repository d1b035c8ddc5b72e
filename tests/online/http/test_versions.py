"""Two versions of a service, served side by side: each by its name with the version."""

from datetime import datetime
from pathlib import Path

import pytest

from slate.cli.main import command
from slate.deployment import Deployment
from slate.errors import RequestError
from slate.online import FeatureClient, RemoteClient
from tests.online.http.conftest import Serve, Served
from tests.online.http.kinds import game_card_v1, game_card_v2

SERVICES = {"game_card_v1": game_card_v1, "game_card_v2": game_card_v2}
AMBIGUOUS = (
    "'game_card' has 2 versions: ask for the one that the model was trained on, game_card_v1 or "
    "game_card_v2"
)


def test_each_is_answered_and_the_name_alone_is_not(
    served: Served, deployment: Deployment, published: datetime
) -> None:
    with (
        FeatureClient.connect(deployment, timeout=5, near=False) as here,
        RemoteClient.connect(served.address, timeout=20) as remote,
    ):
        for client in (here, remote):
            for name, service in SERVICES.items():
                for asked in (name, name.replace("_v", "@")):
                    answer = client.get(asked, published, game_id=["chess", "go"])
                    assert answer.service == name
                    assert answer.names == tuple(f.name for f in service.features)
            with pytest.raises(RequestError) as error:
                client.get("game_card", published, game_id="go")
            assert str(error.value) == AMBIGUOUS
    response = served.service("game_card", game_id="go")
    assert (response.status, response.error) == (404, AMBIGUOUS)
    assert served.service("game_card_v3", game_id="go").status == 404


def test_both_are_described(served: Served) -> None:
    listed = [
        one for one in served.ask("/v1/services").json["services"] if one["name"] == "game_card"
    ]
    assert [one["version"] for one in listed] == [1, 2]
    found = served.ask("/openapi.json").json
    for name, service in SERVICES.items():
        assert f"/v1/services/{name}" in found["paths"]
        values = found["components"]["schemas"][f"{name}_answer"]["properties"]["values"]
        assert list(values["properties"]) == [feature.name for feature in service.features]
    assert "/v1/services/game_card" not in found["paths"]


def test_a_key_is_for_all_versions_or_for_one(
    serve: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "slate.toml").write_text(
        'name = "arcade"\ndefinitions = "tests.online.http.kinds"\ndbt_project = "."\n'
    )
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path / "slate.toml"))
    keys, file = {}, tmp_path / "keys.json"
    for services in ("game_card", "game_card_v2"):
        new = ["--keys", str(file), "--new-key", services, "--services", services]
        assert command(["serve", *new]) == 0
        keys[services] = capsys.readouterr().out.strip()
    served = serve("--keys", str(file))
    statuses = {
        (key, name): served.ask(
            f"/v1/services/{name}", {"game_id": "go"}, authorization=f"Bearer {keys[key]}"
        ).status
        for key in keys
        for name in SERVICES
    }
    refused = {asked for asked, status in statuses.items() if status == 403}
    assert refused == {("game_card_v2", "game_card_v1")}
    assert set(statuses.values()) == {200, 403}
