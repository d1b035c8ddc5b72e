from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest

from online.requests import RequestForm
from slate import Registry
from slate.errors import RequestError
from slate.expressions import Array
from tests.deployments.bikes import definitions as bikes

FORM = RequestForm(Registry.from_module(bikes).plans["bike_choice"])
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEEDED = {"rider_id": "a", "bike_id": 1, "distance": 2.5, "leaves_at": NOON}


def read(**given: Any) -> dict[str, Array]:
    return {repr(f).split(".")[-1]: v for f, v in FORM.read(NEEDED | given).inputs.items()}


@pytest.mark.parametrize(
    "null", [None, np.nan, np.float32("nan"), pandas.NaT], ids=["none", "nan", "float32", "time"]
)
def test_null_has_the_default_as_in_training(null: object) -> None:
    assert read(purpose=null)["purpose"].tolist() == ["leisure"]
    assert read(party=[3, null])["party"].tolist() == [3, 1]
    assert read(raining=null)["raining"].tolist() == [False]


@pytest.mark.parametrize(
    "column",
    [
        np.array(["errand", np.nan], np.dtypes.StringDType(na_object=np.nan)),
        pa.array(["errand", None]),
        pandas.Series(["errand", None]),
    ],
)
def test_a_column_may_hold_nulls(column: Any) -> None:
    assert read(purpose=column)["purpose"].tolist() == ["errand", "leisure"]


@pytest.mark.parametrize(
    ("name", "null"),
    [
        ("distance", None),
        ("distance", np.nan),
        ("distance", [1.0, float("nan")]),
        ("leaves_at", np.datetime64("NaT")),
        ("leaves_at", pandas.NaT),
    ],
)
def test_null_without_a_default_is_refused(name: str, null: object) -> None:
    with pytest.raises(RequestError, match=f"{name} is null, and has no default: give a"):
        read(**{name: null})


def test_a_key_is_never_null() -> None:
    with pytest.raises(RequestError, match="rider_id is a str, and nan is none"):
        read(rider_id=[np.nan, "a"])
