from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slate.errors import DataError
from slate.kinds import Kind
from slate.online.rows.attribute_rows import AttributeRows
from slate.online.rows.decoded_rows import Decoded
from slate.online.rows.row_format import Blobs
from slate.online.rows.row_tables import Rows
from slate.views import FeatureView
from tests.depth import either
from tests.online.arcade import GameCatalog, PlayerProfile
from tests.online.tables import AS_OF, attribute_rows, us

times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
text = st.text(st.characters(codec="utf-8"), max_size=30)
long = st.integers(-(2**63), 2**63 - 1)
games = st.lists(
    st.fixed_dictionaries(
        {"event_ts": times, "studio_id": st.none() | long, "genre": st.none() | text},
        optional={
            "title": st.none() | text,
            "language": st.none() | text,
            "price": st.none() | st.floats(allow_nan=False),
            "discount": st.none() | st.floats(allow_nan=False),
            "players": st.none() | long,
            "free": st.none() | st.booleans(),
            "released_at": st.none() | times,
            "updated_at": st.none() | times,
        },
    ),
    max_size=20,
)


def decoded(view: type[FeatureView], rows: Rows, at: datetime = AS_OF) -> Decoded:
    """All features, of all rows and last of a key without a row."""
    codec = AttributeRows(view)
    laid = Blobs.of([codec.empty, *codec.encode(rows, us(AS_OF)).split()])
    words, starts = laid.words, laid.starts[:-1]
    leads = [f for f in view.features.values() if getattr(f, "key_of", None)]
    reader = codec.reader(view.features.values(), leads)  # type: ignore[arg-type]
    return reader.read(words, np.append(starts[1:], 0), us(at))


def python(values: np.ndarray[Any, Any], kind: Kind) -> list[Any]:
    found: list[Any] = kind.to_arrow(values).to_pylist()
    return found


@settings(max_examples=either(30, 100), deadline=None)
@given(games)
def test_what_is_written_is_read(rows: list[dict[str, Any]]) -> None:
    found = decoded(GameCatalog, attribute_rows(GameCatalog, rows))
    for name, feature in GameCatalog.features.items():
        wanted = [row.get(name) for row in rows] + [None]
        wanted = [feature.default if value is None else value for value in wanted]
        assert python(found.values[feature], feature.kind) == wanted
        assert found.values[feature].dtype == feature.kind.dtype
    assert found.event_ts[:-1].tolist() == [us(row["event_ts"]) for row in rows]
    for lead, keys in found.keys.items():
        assert not isinstance(lead, str)
        wanted = [row[lead.column] for row in rows] + [None]
        wanted = [lead.default if key is None else key for key in wanted]
        assert [None if i < 0 else keys.values[i] for i in keys.index.tolist()] == wanted
        assert len(set(keys.values)) == len(keys.values)


def game(**given: Any) -> dict[str, Any]:
    return {"event_ts": AS_OF - timedelta(days=1), **given}


@pytest.mark.parametrize("title", ["", "a\0", "\0", "a\0b", "é" * 40, "😀", "x" * 5_000])
def test_texts_of_every_sort(title: str) -> None:
    rows = attribute_rows(GameCatalog, [game(title=title, genre=title), game(title="b")])
    found = decoded(GameCatalog, rows)
    assert found.values[GameCatalog.title].tolist()[:2] == [title, "b"]
    assert found.keys[GameCatalog.genre].values[0] == title


def test_rows_older_than_the_ttl_count_as_none() -> None:
    month = timedelta(days=30)
    rows = attribute_rows(
        PlayerProfile,
        [
            {"player_id": 1, "event_ts": AS_OF - month, "level": 5, "nickname": "a"},
            {"player_id": 2, "event_ts": AS_OF, "level": 6, "nickname": "b"},
        ],
    )
    now = decoded(PlayerProfile, rows)
    assert now.stale is not None
    assert now.stale.tolist() == [False, False, False]
    later = decoded(PlayerProfile, rows, AS_OF + timedelta(microseconds=1))
    assert later.stale is not None
    assert later.stale.tolist() == [True, False, False]
    assert later.values[PlayerProfile.level].tolist() == [1, 6, 1]
    assert python(later.values[PlayerProfile.nickname], Kind.STRING) == [None, "b", None]


def test_tables_may_be_slices_of_chunks_of_other_types() -> None:
    rows = attribute_rows(GameCatalog, [game(title=f"t{n}", price=float(n)) for n in range(10)])
    titles = rows.heads.column("title").cast(pa.large_string())
    heads = rows.heads.set_column(rows.heads.column_names.index("title"), "title", titles)
    cut = Rows(pa.concat_tables([heads.slice(2, 3), heads.slice(7, 2)]))
    found = decoded(GameCatalog, cut)
    assert found.values[GameCatalog.title].tolist()[:-1] == ["t2", "t3", "t4", "t7", "t8"]
    assert found.values[GameCatalog.price].tolist()[:-1] == [2, 3, 4, 7, 8]


def test_nan_is_no_null_to_a_default() -> None:
    found = decoded(GameCatalog, attribute_rows(GameCatalog, [game(discount=np.nan), game()]))
    assert python(found.values[GameCatalog.discount], Kind.FLOAT) == [None, 0.25, 0.25]


def test_wrong_tables_are_refused() -> None:
    heads = attribute_rows(GameCatalog, [game()]).heads
    codec = AttributeRows(GameCatalog)
    with pytest.raises(DataError, match="game_catalog: no column 'price', did you mean 'prize'"):
        codec.encode(Rows(heads.rename_columns({"price": "prize"})), 0)
    place = heads.column_names.index("players")
    with pytest.raises(DataError, match="game_catalog: column 'players' is a string, no int"):
        codec.encode(Rows(heads.set_column(place, "players", pa.array(["many"]))), 0)
    place = heads.column_names.index("event_ts")
    none = pa.nulls(1, pa.timestamp("us"))
    with pytest.raises(DataError, match="column 'event_ts' holds 1 nulls"):
        codec.encode(Rows(heads.set_column(place, "event_ts", none)), 0)
