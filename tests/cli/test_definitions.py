"""`slate check`, `compile`, `list`, `describe` and `explain`: what is derived from definitions."""

import json
import re
import shutil
from pathlib import Path

import pytest

from slate.compile.project import generated
from slate.deployment import Deployment
from slate.fingerprints import fingerprint
from tests.cli.conftest import BIKES, Slate

MOVES_TILES = "models/generated/tiles/station_moves_tiles.sql"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, bikes: Deployment, tmp_path: Path) -> Path:
    """A dbt project of the bike-share's that was never compiled."""
    project = tmp_path / "dbt_project"
    shutil.copytree(
        BIKES / "dbt_project", project, ignore=shutil.ignore_patterns("generated", "target", "logs")
    )
    shutil.copy(BIKES / "slate.toml", tmp_path)
    monkeypatch.setenv("SLATE_CONFIG", str(tmp_path / "slate.toml"))
    return project


def test_compile_writes_what_check_misses(slate: Slate, bikes: Deployment, project: Path) -> None:
    wanted = {str(project / path) for path in generated(bikes.registry)}
    for arguments in (("check",), ("compile", "--check")):
        missed = slate(*arguments)
        assert missed.code == 1
        assert "run `slate compile`" in missed.err
        assert wanted == {line.strip() for line in missed.err.splitlines()[1:]}
    written = slate("compile")
    assert written.code == 0
    assert set(written.out.split()) == wanted
    checked = slate("check")
    assert checked.code == 0
    registry = bikes.registry
    assert checked.out == (
        f"bikes: {len(registry.sources)} sources, {len(registry.views)} views, "
        f"{len(registry.features)} features, 2 services\n"
    )


@pytest.mark.usefixtures("project")
def test_nothing_runs_with_sql_that_is_out_of_date(slate: Slate) -> None:
    refused = slate("run")
    assert (refused.code, refused.out) == (1, "")
    assert MOVES_TILES in refused.err


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_a_model_that_the_dbt_project_lacks_is_refused(
    slate: Slate, project: Path, command: str
) -> None:
    slate("compile")
    (project / "models/features/station_profile.sql").rename(project / "models/stations.sql")
    refused = slate(command)
    assert refused.code == 1
    assert re.search(
        r"stations\.py:\d+: StationProfile\.model: \S+ has no model, seed or snapshot "
        r"'station_profile'",
        refused.err,
    )
    (project / "models/stations.sql").rename(project / "models/station_profiles.sql")
    assert "did you mean 'station_profiles'?" in slate(command).err
    if command != "run":
        package = project / "dbt_packages/stations/models"
        package.mkdir(parents=True)
        (project / "models/station_profiles.sql").rename(package / "station_profile.sql")
        assert slate(command).code == 0


def test_only_what_is_out_of_date_is_named(slate: Slate, project: Path) -> None:
    slate("compile")
    tiles, foreign = project / MOVES_TILES, project / "models/generated/tiles/old.sql"
    tiles.write_text(f"{tiles.read_text()}\n-- by hand")
    foreign.write_text("select 1")
    wrong = sorted([str(tiles), str(foreign)])
    assert [line.strip() for line in slate("check").err.splitlines()[1:]] == wrong
    assert slate("compile").out.split() == wrong
    assert not foreign.exists()
    unchanged = slate("compile")
    assert (unchanged.code, unchanged.out) == (0, "")


def test_compile_writes_into_a_dbt_project_only(slate: Slate, project: Path) -> None:
    shutil.rmtree(project)
    for arguments in (("check",), ("compile",)):
        refused = slate(*arguments)
        assert refused.code == 1
        assert f"{project} holds no dbt_project.yml" in refused.err
    assert not project.exists()


def test_list(slate: Slate, bikes: Deployment) -> None:
    lines = [" ".join(line.split()) for line in slate("list").out.splitlines()]
    registry = bikes.registry
    assert "station station_id: int" in lines
    assert "rider_station rider_id: str, station_id: int" in lines
    assert f"move stg_moves moves moves {len(registry.sources['move'].columns)}" in lines
    health = registry.view("bike_health")
    assert f"bike_health windows bike {len(health.features)} {fingerprint(health)}" in lines
    outlook = registry.service("station_outlook")
    assert f"station_outlook_v1 station_id count {len(outlook.features)}" in lines
    assert [line for line in lines if line.startswith("offer_request request")]


def test_list_as_json(slate: Slate, bikes: Deployment) -> None:
    found = json.loads(slate("list", "--json").out)
    assert list(found) == ["entities", "sources", "views", "services"]
    services = {service["name"]: service for service in found["services"]}
    wanted = bikes.registry.service("bike_choice")
    assert services["bike_choice_v2"]["keys"] == ["rider_id", "bike_id"]
    assert services["bike_choice_v2"]["features"] == [f.name for f in wanted.features]
    hashes = {view["name"]: view["hash"] for view in found["views"]}
    assert hashes.keys() == bikes.registry.views.keys() | bikes.registry.requests.keys()
    assert hashes["station_now"] == fingerprint(bikes.registry.requests["station_now"])


def facts(slate: Slate, name: str) -> dict[str, str]:
    """The facts of a description: what stands in two columns."""
    described = slate("describe", name)
    assert described.code == 0
    lines = [line.split("  ", 1) for line in described.out.splitlines() if "  " in line]
    return {name: rest.strip() for name, rest in lines}


def test_describe_an_aggregate(slate: Slate, bikes: Deployment) -> None:
    assert facts(slate, "station_moves.taken_36h") == {
        "services": "bike_choice_v2",
        "reached in bike_choice_v2": "bike_id -> bike_profile.station_id",
        "type": "int",
        "default": "0",
        "aggregate": "count()",
        "filter": "Move.kind == 'take'",
        "window": "36h, its tail in hops of 90m",
        "view": "station_moves",
        "entity": "station (station_id)",
        "source": "move",
        "ttl": "9d",
        "near, at most behind": "2s",
        "definition hash": fingerprint(bikes.registry.view("station_moves")),
    }
    used = facts(slate, "station_moves.free")
    assert used["aggregate"] == "last(free_docks)"
    assert used["window"] == "unbounded"
    assert used["services"] == "bike_choice_v2, station_outlook_v1"
    assert "station_now.free_share" in used["expressions"]
    assert used["reached in station_outlook_v1"] == "station_id"
    assert used["reached in bike_choice_v2"] == "bike_id -> bike_profile.station_id"


def test_describe_a_list(slate: Slate) -> None:
    told = facts(slate, "station_moves.recent_free_2h")
    assert told["type"] == "list[int]"
    assert told["default"] == "-1"
    assert told["aggregate"] == "last_n(free_docks, 3)"
    lines = slate("describe", "station_moves").out.splitlines()
    notes = next(line.split(maxsplit=2) for line in lines if line.startswith("recent_notes"))
    assert notes[:2] == ["recent_notes", "list[str]"]
    assert notes[2].startswith("Latest ")


def test_describe_what_is_needed_on_the_way_only(slate: Slate) -> None:
    used = facts(slate, "station_profile.depot")
    assert used["key of"] == "depot"
    assert used["services"] == "bike_choice_v2, station_outlook_v1 (on the way)"


def test_describe_the_way_to_a_pair_and_over_two_steps(slate: Slate) -> None:
    pair = facts(slate, "rider_at_station")
    assert pair["reached in bike_choice_v2"] == "rider_id, bike_id -> bike_profile.station_id"
    depot = facts(slate, "depot_profile.crew")
    assert depot["reached in bike_choice_v2"] == (
        "bike_id -> bike_profile.station_id -> station_profile.depot"
    )
    assert depot["constraints"] == "at least 0"


def test_describe_request_features(slate: Slate) -> None:
    computed = facts(slate, "station_now.surprise")
    assert computed["expression"] == "np.absolute(station_moves.free - station_now.expected)"
    assert "default" not in computed
    given = facts(slate, "offer_request.purpose")
    assert given["constraints"] == "one of 'commute', 'leisure', 'errand'"
    assert given["default"] == "'leisure'"
    assert given["from"] == "the request"
    assert facts(slate, "offer_request.distance")["from"] == "the request, which must bring it"


def test_describe_other_definitions(slate: Slate) -> None:
    source = facts(slate, "offer")
    assert source["event time"] == "offered_at"
    assert source["spine of"] == "bike_choice_v2"
    assert facts(slate, "move")["unique id"] == "move_id; repeats are known for 2d"
    entity = facts(slate, "station")
    assert entity["views"] == "station_moves, station_profile, station_values"
    assert entity["reached by"] == "bike_profile.station_id"
    service = facts(slate, "station_outlook")
    assert service["inputs"] == "expected (required)"
    assert service == facts(slate, "station_outlook_v1")


def test_describe_tells_text_and_columns(slate: Slate) -> None:
    lines = slate("describe", "station_profile").out.splitlines()
    assert lines[:2] == ["station_profile", "A station as it was built."]
    columns = [" ".join(line.split()) for line in lines]
    row = "of the key's latest row in station_profile"
    docks = next(column for column in columns if column.startswith("docks "))
    assert docks.startswith(f"docks int 0 Column docks {row}")
    assert f"height float Metres above the sea. Column height {row}." in columns
    moves = [" ".join(line.split()) for line in slate("describe", "move").out.splitlines()]
    assert "day datetime Computed from the event: np.astype(Move.moved_at, 'M8[D]')." in moves
    assert "speed float | None Computed from the event: Move.metres / (Move.minutes * 60)." in moves
    told = slate("describe", "station_moves.taken_36h").out.splitlines()
    assert told[1].startswith("Count of Move where kind == 'take', in the last 36 hours, its tail")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("station_moves.fre", "did you mean 'station_moves.free'?"),
        ("station_move", "did you mean 'station_moves'?"),
        ("xyzzy", "`slate list` lists them"),
    ],
)
def test_describe_names_the_nearest_match(slate: Slate, name: str, hint: str) -> None:
    missed = slate("describe", name)
    assert missed.code == 1
    assert missed.err == f"slate: there is no definition {name!r}: {hint}\n"


def test_explain_needs_no_store(slate: Slate, bikes: Deployment) -> None:
    explained = slate("explain", "bike_choice")
    assert explained.code == 0
    assert explained.out.startswith("bike_choice_v2: ")
    assert "depot_profile" in explained.out
    assert not bikes.data.exists()


def test_an_input_that_training_may_have_null_is_warned_of(
    slate: Slate, bikes: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request can bring a null."""
    assert "may be null" not in slate("check").err
    service = bikes.registry.services["station_outlook_v1"]
    monkeypatch.setattr(service.spine.columns["expected"], "nullable", True)
    assert (
        "slate: station_outlook_v1: Count.expected may be null, and a request without expected is "
        "refused"
    ) in slate("check").err


def test_rankings_are_judged_too(slate: Slate, project: Path) -> None:
    """As `slate serve` would judge them, which is later."""
    slate("compile")
    config = project.parent / "slate.toml"
    config.write_text(config.read_text() + 'rankings = "judged_rankings"\n')
    module = project.parent / "judged_rankings.py"
    module.write_text("def rankings(deployment):\n    return {'bikes': nothing}\n")
    failed = slate("check")
    assert failed.code == 1
    told = "judged_rankings.py:2: NameError: name 'nothing' is not defined: rankings(deployment)"
    assert told in failed.err
