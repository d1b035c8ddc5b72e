"""Keys: who may ask for what."""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from slate.cli.main import command
from slate.deployment import Deployment
from slate.errors import RequestError
from slate.online import RemoteClient
from tests.online.http.conftest import Serve


@pytest.fixture
def here(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of commands: a folder with the deployment."""
    (tmp_path / "slate.toml").write_text(
        f'name = "arcade"\ndefinitions = "{deployment.definitions}"\ndbt_project = "."\n'
    )
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path / "slate.toml"))
    return tmp_path


def new_key(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> str:
    assert command(["serve", "--keys", str(file), "--new-key", *options]) == 0
    return capsys.readouterr().out.strip()


def test_keys_open_what_they_are_for(
    here: Path, serve: Serve, published: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "keys.json"
    page = new_key(capsys, file, "page", "--services", "studio_page")
    all_ = new_key(capsys, file, "all")
    assert page not in file.read_text()
    assert all_ not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    served = serve("--keys", str(file))

    def ask(key: str | None, path: str = "/v1/services/studio_page") -> tuple[int, str]:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        body = {"studio_id": 10} if path.startswith("/v1/services/") else None
        response = served.ask(path, body, **headers)
        return response.status, response.error if response.status != 200 else ""

    assert ask(page) == (200, "")
    assert ask(None) == (401, "this server needs a key: send `Authorization: Bearer KEY`")
    assert ask("nonsense")[0] == ask("")[0] == 401
    for path in ("/v1/services", "/metrics", "/openapi.json"):
        assert ask(None, path)[0] == 401
        assert ask(page, path)[0] == 200
    assert ask(None, "/healthz")[0] == 200
    status, told = ask(page, "/v1/services/play_ranking")
    assert status == 403
    assert told.startswith("the key 'page' is not for play_ranking: ask with one that is")
    # Nor does it tell of others.
    assert ask(page, "/v1/services/play") == (
        404, "there is no service 'play': known: studio_page"
    )  # fmt: skip
    services = served.ask("/v1/services", authorization=f"Bearer {page}").json["services"]
    assert [one["name"] for one in services] == ["studio_page"]

    with RemoteClient.connect(served.address, key=all_, timeout=20) as remote:
        assert remote.get("studio_page", studio_id=10).rows == 1
        held = json.loads(file.read_text())
        file.write_text(json.dumps({"page": held["page"]}))
        deadline = time.monotonic() + 20
        while ask(all_)[0] == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(RequestError, match="the key of the header Authorization is not known"):
            remote.get("studio_page", studio_id=10)
    # What cannot be read changes nothing.
    file.write_text("{")
    time.sleep(1.1)
    assert ask(page)[0] == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines ask, and no key is asked for"),
        (["--host", "example.org"], "give --keys FILE (--new-key NAME makes a key), or --insecure"),
        (["--new-key", "a"], "--new-key needs --keys FILE: where the key's hash is kept"),
        (["--services", "studio_page"], "--services says what a key is for: give --new-key NAME"),
        (["--keys", "none.json"], "none.json cannot be read (No such file or directory): make a"),
        (["--keys", "list.json"], "list.json is no file of keys: it is not a JSON object"),
        (["--keys", "deep.json"], "deep.json cannot be read as JSON (maximum recursion depth"),
        (["--keys", "no/k.json", "--new-key", "a"], "no/k.json cannot be written (No such file"),
        (["--keys", "wrong.json"], "wrong.json: 'a' is not {\"hash\": "),
        (["--keys", "k.json", "--new-key", "a", "--services", "page"], "is no service 'page'"),
        (["--keys", "full.json", "--new-key", "a"], "full.json has a key 'a': take its entry out"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_refused(
    here: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(here)
    Path("list.json").write_text("[]")
    Path("deep.json").write_text("[" * 100_000)
    Path("wrong.json").write_text('{"a": {"hash": 5}}')
    Path("full.json").write_text('{"a": {"hash": "5f", "services": ["*"]}}')
    assert command(["serve", *options]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("slate: ")
    assert message in told
