"""The types of an answer's values are those that docs/types.md promises, and those of Parquet."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest
from redis import Redis

from slate import FeatureService, FeatureView, Registry, last, last_n
from slate.errors import MissingPackageError, RequestError
from slate.online import FeatureClient, Publisher
from slate.online.serving.live_services import Serving
from slate.online.store.connections import Connections
from tests.online.arcade import Game, Offer, Play, Player
from tests.online.conftest import PLAYS
from tests.online.tables import AS_OF, window_rows

DOCS = Path(__file__).parents[2] / "docs" / "types.md"


class Latest(FeatureView):
    """A value of each kind, and a list."""

    entity, source = Game, Play
    text = last(Play.note)
    whole = last(Play.score, default=0)
    number = last(Play.seconds)
    truth = last(Play.won, default=False)
    time = last(Play.ended_at)
    scores = last_n(Play.score, 2, default=0)


OF_KIND = {
    "`str`": "text", "`int`": "whole", "`float`": "number", "`bool`": "truth",
    "`datetime`": "time", "a list of `int`": "scores",
}  # fmt: skip
kinds = FeatureService("kinds", version=1, keys=[Player, Game], spine=Offer, features=[Latest])


@pytest.fixture
def asked(redis: Redis, connections: Connections) -> FeatureClient:
    registry = Registry.of([Player, Game, Play, Offer, Latest, kinds])
    Publisher(redis, "arcade").publish(Latest, [window_rows(Latest, PLAYS)], AS_OF)
    return FeatureClient(Serving(registry, "arcade", refresh=1), connections)


def promised() -> dict[str, list[str]]:
    lines = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return {kind: [cell.strip("`") for cell in cells] for kind, *cells in rows}


def test_the_types_are_those_of_the_docs(asked: FeatureClient) -> None:
    answer = asked.get("kinds", at=AS_OF, player_id=1, game_id=["chess", "nothing"])
    arrow, frame, polar = answer.to_arrow(), answer.to_pandas(), answer.to_polars()
    found = {}
    for kind, column in OF_KIND.items():
        name = f"latest.{column}"
        feature, value = Latest.features[column], answer[name]
        null = "none" if not feature.kind.has_null else str(value.flat[1])
        in_matrix = str(answer.matrix().dtype) if name in answer.matrix_names else "left out"
        found[kind] = [
            str(value.dtype), null, str(arrow.schema.field(name).type), str(frame[name].dtype),
            str(polar[name].dtype), feature.value_type.sql, in_matrix,
        ]  # fmt: skip
    assert found == promised()


@pytest.mark.parametrize("games", [["chess", "nothing"], []])
def test_frames_have_the_types_of_parquet(
    asked: FeatureClient, tmp_path: Path, games: list[str]
) -> None:
    import pyarrow.parquet as parquet

    answer = asked.get("kinds", at=AS_OF, player_id=1, game_id=games)
    parquet.write_table(answer.to_arrow(), tmp_path / "answer.parquet")
    read = pandas.read_parquet(tmp_path / "answer.parquet")
    pandas.testing.assert_frame_equal(answer.to_pandas(), read)
    assert answer.to_polars().equals(polars.read_parquet(tmp_path / "answer.parquet"))
    assert answer.to_polars().schema == polars.read_parquet(tmp_path / "answer.parquet").schema
    assert list(answer.to_pandas().columns) == list(answer.names)
    assert answer.to_polars().to_dicts() == answer.to_dicts()


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_package_that_is_not_installed_is_named(
    asked: FeatureClient, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asked.get("kinds", at=AS_OF, player_id=1, game_id="chess")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    wanted = rf"Answer.to_{package}\(\) needs the package {package}, .*`pip install {package}`"
    with pytest.raises(MissingPackageError, match=wanted) as error:
        getattr(answer, f"to_{package}")()
    assert isinstance(error.value, ImportError)
    assert answer.to_arrow().num_rows == 1


def test_a_matrix_of_named_features(client: FeatureClient, published: datetime) -> None:
    answer = client.get("play_ranking", at=published, player_id=1, game_id=["chess", "go"])
    names = ["play_request.affordable", "game_activity.plays_30d", "game_activity.plays_1h"]
    matrix = answer.matrix(np.float64, names=names)
    assert matrix.dtype == np.float64
    assert matrix.tolist() == [[1, 3, 1], [0, 2, 2]]
    assert np.array_equal(answer.matrix(names=answer.matrix_names), answer.matrix(), equal_nan=True)
    assert answer.matrix(names=iter(names[:1])).tolist() == [[1], [0]]
    assert answer.matrix(names=[]).shape == (2, 0)
    for dtype in (np.int64, np.bool_, object):
        with pytest.raises(RequestError, match="has no value that is null: give a type of floats"):
            answer.matrix(dtype)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["game_activity.plays_2h"], "play_ranking_v3 has no 'game_activity.plays_2h' for a matrix"
         ": did you mean 'game_activity.plays_1h'?"),
        (["game_catalog.title"], "game_catalog.title is a str, and a matrix holds numbers and truth"
         " values: leave it out, and read it with answer.'game_catalog.title'."),
        ("plays", r"matrix\(names='plays'\) is not a list: give \['plays'\]"),
    ],
)  # fmt: skip
def test_a_wrong_name_of_a_matrix(
    client: FeatureClient, published: datetime, names: list[str], message: str
) -> None:
    answer = client.get("play_ranking", at=published, player_id=1, game_id="go")
    with pytest.raises(RequestError, match=message):
        answer.matrix(names=names)
