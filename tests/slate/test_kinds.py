"""Kinds of value: what they are in NumPy and Arrow, and that null is one thing in both."""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slate.errors import DefinitionError
from slate.kinds import Kind, kind_of

TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.FLOAT: st.none() | st.floats(allow_nan=False),
    Kind.BOOLEAN: st.booleans(),
    Kind.TIME: st.none() | TIMES,
}


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_values_come_back_from_numpy_and_arrow(kind: Kind, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], max_size=5))
    array = kind.array(values)
    assert array.dtype == kind.dtype
    column = kind.to_arrow(array)
    assert column.type == kind.arrow
    back = [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in column.to_pylist()]
    assert back == values
    again = kind.from_arrow(pa.chunked_array([column, column]))
    np.testing.assert_array_equal(again, np.concatenate([array, array]))


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.BOOLEAN])
def test_a_kind_without_null_refuses_one(kind: Kind) -> None:
    with pytest.raises(DefinitionError, match="give a default"):
        kind.from_arrow(pa.array([None], kind.arrow))
    with pytest.raises(DefinitionError, match="give a default"):
        kind.full(1)


def test_a_time_of_any_zone_is_its_instant() -> None:
    zone = timezone(timedelta(hours=-7))
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert Kind.TIME.scalar(noon.astimezone(zone)) == np.datetime64("2026-03-10T12:00")
    assert (
        Kind.TIME.array([noon.astimezone(zone), noon.replace(tzinfo=None)]).tolist()
        == [datetime(2026, 3, 10, 12)] * 2
    )


@pytest.mark.parametrize(
    ("kind", "accepted", "refused"),
    [
        (Kind.STRING, ["", "a"], [None, 1, b"a"]),
        (Kind.INTEGER, [0, -1], [1.0, True, "1", None]),
        (Kind.FLOAT, [0.5, 1], [True, "1", None]),
        (Kind.BOOLEAN, [True, False], [0, 1, None]),
        (Kind.TIME, [datetime(2026, 1, 1)], ["2026-01-01", 0, None]),
    ],
)
def test_constants_of_a_kind(kind: Kind, accepted: list[object], refused: list[object]) -> None:
    assert all(kind.accepts(value) for value in accepted)
    assert not any(kind.accepts(value) for value in refused)


class Dish(Enum):
    CAKE = "cake"


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        (Kind.STRING, Dish.CAKE, "cake"),
        (Kind.STRING, np.str_("cake"), "cake"),
        (Kind.INTEGER, np.int64(3), 3),
        (Kind.FLOAT, np.float64(1.5), 1.5),
        (Kind.FLOAT, np.float32(0.5), 0.5),
        (Kind.FLOAT, 2, 2),
        (Kind.BOOLEAN, np.bool(True), True),
        (Kind.TIME, np.datetime64("2026-03-10"), datetime(2026, 3, 10, tzinfo=UTC)),
        (Kind.TIME, np.datetime64("2026-03-10T12", "ns"), datetime(2026, 3, 10, 12, tzinfo=UTC)),
        (Kind.TIME, datetime(2026, 3, 10), datetime(2026, 3, 10, tzinfo=UTC)),
    ],
)
def test_a_constant_is_pythons_own(kind: Kind, written: object, kept: object) -> None:
    constant = kind.constant(written, "here:")
    assert (constant, type(constant)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("kind", "written", "says"),
    [
        (Kind.FLOAT, float("nan"), "here: nan is not finite"),
        (Kind.FLOAT, np.inf, "here: inf is not finite"),
        (Kind.FLOAT, 10**400, "cannot be kept"),
        (Kind.FLOAT, True, "here: True is not of type float"),
        (Kind.INTEGER, 2**63, "cannot be kept"),
        (Kind.INTEGER, None, "here: None is not of type int"),
        (Kind.STRING, "\ud800", "cannot be kept"),
        (Kind.TIME, np.datetime64("NaT"), "is not of type datetime"),
        (Kind.TIME, "2026-03-10", "'2026-03-10' is not of type datetime"),
    ],
)
def test_what_is_no_constant(kind: Kind, written: object, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        kind.constant(written, "here:")


@pytest.mark.parametrize("python", [str, int, float, bool, datetime])
def test_an_annotation_names_a_kind_and_may_allow_null(python: type) -> None:
    kind = Kind(python.__name__)
    assert kind_of(python, "here") == (kind, False)
    assert kind_of(python | None, "here") == (kind, True)
    with pytest.raises(DefinitionError, match="here is annotated"):
        kind_of(python | bytes, "here")
