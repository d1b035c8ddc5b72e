"""Frames come back as they were given, with the features beside their columns."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from slate.errors import RequestError
from tests.history.conftest import Asked, alike

pytestmark = pytest.mark.process


def test_arrow(asked: Asked) -> None:
    found = asked.history(asked.rows)
    assert found.select(asked.rows.column_names).equals(asked.rows)
    assert alike(found.select(asked.names), asked.values)
    # Something was found, for most of them.
    assert pa.compute.mean(found["rider_rides.rides_30d"]).as_py() > 0


def test_a_record_batch(asked: Asked) -> None:
    (batch,) = asked.rows.slice(3, 5).combine_chunks().to_batches()
    found = asked.history(batch)
    assert isinstance(found, pa.RecordBatch)
    wanted = asked.values.slice(3, 5)
    assert alike(pa.Table.from_batches([found]).select(asked.names), wanted)


def test_pandas_with_an_index_of_its_own(asked: Asked) -> None:
    frame = asked.rows.to_pandas()
    frame["anything"] = [object() for _ in range(len(frame))]
    frame[7] = 1.5
    frame.index = pd.Index(np.arange(len(frame)) // 2, name="twice")
    before = frame.copy()
    found = asked.history(frame)
    assert isinstance(found, pd.DataFrame)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(found[list(frame.columns)], frame)
    wanted = asked.values.to_pandas().set_index(frame.index)
    pd.testing.assert_frame_equal(found[asked.names], wanted, check_column_type=False)


def test_polars(asked: Asked) -> None:
    frame = pl.from_arrow(asked.rows)
    assert isinstance(frame, pl.DataFrame)
    found = asked.history(frame)
    assert isinstance(found, pl.DataFrame)
    assert found.select(frame.columns).equals(frame)
    assert found.select(asked.names).equals(pl.from_arrow(asked.values))


def test_rows_keep_their_order_and_repeats(asked: Asked) -> None:
    order = [5, 0, 5, 5, 17, 3, 0]
    found = asked.history(asked.rows.take(order))
    assert found["label"].to_pylist() == order
    assert alike(found.select(asked.names), asked.values.take(order))


def test_no_rows(asked: Asked) -> None:
    found = asked.history(asked.rows.slice(0, 0))
    assert found.num_rows == 0
    assert found.select(asked.names).schema.equals(asked.values.schema)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f.assign(offered_at=f.offered_at.dt.tz_localize(None)), id="naive"),
        pytest.param(
            lambda f: f.assign(offered_at=f.offered_at.dt.tz_convert("Asia/Kolkata")), id="zone"
        ),
        pytest.param(
            lambda f: f.assign(offered_at=f.offered_at.dt.as_unit("ns") + pd.Timedelta(999, "ns")),
            id="nanoseconds",
        ),
        pytest.param(
            lambda f: f.assign(offered_at=[t.isoformat() for t in f.offered_at]), id="texts"
        ),
        pytest.param(lambda f: f.assign(bike_id=f.bike_id.astype(object)), id="objects"),
        pytest.param(lambda f: f.assign(rider_id=f.rider_id.astype("category")), id="categories"),
        pytest.param(lambda f: f.assign(bike_id=f.bike_id.astype("Int64")), id="nullable"),
    ],
)
def test_the_same_rows_in_other_types(asked: Asked, change: Any) -> None:
    found = asked.history(change(asked.rows.to_pandas()))
    pd.testing.assert_frame_equal(found[asked.names], asked.values.to_pandas())


def test_rows_without_a_key_have_what_an_unknown_key_has(asked: Asked) -> None:
    frame = asked.rows.to_pandas()
    unknown, none = frame.copy(), frame.copy()
    unknown.loc[:9, "bike_id"] = 123_456_789
    none["bike_id"] = none.bike_id.astype("Int64")
    none.loc[:9, "bike_id"] = None
    # A frame of NumPy's has whole numbers with gaps as floats.
    floats = none.assign(bike_id=none.bike_id.astype("float64"))
    wanted = asked.history(unknown)[asked.names]
    assert not wanted.equals(asked.values.to_pandas())
    for rows in (none, floats):
        pd.testing.assert_frame_equal(asked.history(rows)[asked.names], wanted)


def test_what_is_not_a_frame(asked: Asked) -> None:
    for frame, said in (
        ([{"rider_id": "a"}], "a list is not a frame"),
        (pl.LazyFrame({"rider_id": ["a"]}), r"frame\.collect\(\)"),
        (pd.DataFrame({("a", "b"): [1]}), "several levels"),
        (pa.table([[1], [2]], names=["x", "x"]), "several columns 'x'"),
        (asked.rows.to_pandas().set_index("rider_id"), r"reset_index\(\)"),
    ):
        with pytest.raises(RequestError, match=said):
            asked.history(frame)
