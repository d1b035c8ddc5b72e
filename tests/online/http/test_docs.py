"""What docs/serving.md shows runs as written, but for the address."""

import json
import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.online.http.conftest import Served

DOCS = Path(__file__).parents[3] / "docs/serving.md"
MONITORING = DOCS.with_name("monitoring.md")
BLOCKS = re.findall(r"```(sh|json|python)\n(.*?)```", DOCS.read_text(), re.DOTALL)
# The tests' own deployment has other names.
OURS = {
    "http://127.0.0.1:8080": "{address}",
    "feed_ranking": "play_ranking",
    "viewer_id": "player_id",
    '"v00000042"': "1",
    "show_id": "game_id",
    "viewer_activity.taps_1h": "game_activity.plays_1h",
    "viewer_activity": "game_activity",
}


def blocks(language: str, address: str) -> list[str]:
    found = []
    for of, text in BLOCKS:
        for theirs, ours in OURS.items():
            text = text.replace(theirs, ours.replace("{address}", address))
        if of == language:
            found.append(text)
    return found


@pytest.fixture
def ready(served: Served, published: datetime) -> Served:
    served.await_ready()
    return served


def test_python_runs_as_written(ready: Served) -> None:
    snippets = blocks("python", ready.address)
    assert len(snippets) == 2
    for snippet in snippets:
        names: dict[str, Any] = {}
        exec(compile(snippet, str(DOCS), "exec"), names)
        answer = names.get("table") or names["answer"].to_arrow()
        assert answer.num_rows == 2


def test_curl_is_answered_as_it_says(ready: Served) -> None:
    (command,), (shown,) = blocks("sh", ready.address), blocks("json", ready.address)
    # Curl itself may not be here.
    curl, address, _, header, _, body = shlex.split(command.replace("\\\n", ""))
    name, _, value = header.partition(": ")
    response = ready.ask(address.removeprefix(ready.address), body.encode(), **{name: value})
    assert (curl, response.status) == ("curl", 200)
    found, wanted = response.json, json.loads(shown)
    assert found.keys() == wanted.keys()
    assert found["rows"] == wanted["rows"]
    assert found["values"].keys() >= {"game_activity.plays_1h"}
    assert found["states"]["game_activity"].keys() == wanted["states"]["game_activity"].keys()


def test_every_metric_is_named(ready: Served) -> None:
    told = set(re.findall(r"slate_(?:serve|lookup|near)_\w+", DOCS.read_text()))
    told |= set(re.findall(r"slate_view_\w+", MONITORING.read_text()))
    # What nobody asked for yet has no numbers.
    assert ready.service("play_ranking", player_id=1, game_id=["go"]).status == 200
    there = set(re.findall(r"# TYPE (slate_\w+)", ready.ask("/metrics").body.decode()))
    # Nor what never came about: no ranking is an experiment here, the log lost nothing, no
    # expression failed, and no view has to be fresh.
    assert there == told - {
        "slate_serve_exposures_total",
        "slate_serve_not_logged_total",
        "slate_lookup_failed_rows_total",
        "slate_view_fresh_within_seconds",
    }
