import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slate.quality.json_values import json_value
from tests.depth import either

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.datetimes(timezones=st.sampled_from([None, UTC]))
    | st.floats(width=32).map(np.float32)
    | st.integers(-(2**63), 2**63 - 1).map(np.int64)
    | st.booleans().map(np.bool_)
    | st.integers(0, 2**60).map(lambda us: np.datetime64(us, "us"))
    | st.sampled_from([pd.NaT, pd.Timestamp(0), np.datetime64("NaT"), Decimal("1.5")])
)


@settings(max_examples=either(30, 100))
@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_anything_becomes_json(value: Any) -> None:
    text = json.dumps(json_value(value), allow_nan=False)
    assert json_value(json.loads(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (np.float64("nan"), None),
        (pd.NaT, None),
        (np.datetime64("NaT"), None),
        (float("-inf"), "-inf"),
        (np.int64(2**62), 2**62),
        (np.bool_(True), True),
        (pd.Timestamp("2026-05-01T12:00:00.000001", tz="UTC"), "2026-05-01T12:00:00.000001+00:00"),
        (np.datetime64("2026-05-01T12", "us"), "2026-05-01T12:00:00"),
        (date(2026, 5, 1), "2026-05-01"),
        (datetime(2026, 5, 1), "2026-05-01T00:00:00"),
        (Decimal("1.50"), "1.50"),
        ((1, [np.float32(0.5)]), [1, [0.5]]),
    ],
    ids=repr,
)
def test_values_keep_their_meaning(value: Any, expected: Any) -> None:
    found = json_value(value)
    assert (type(found), found) == (type(expected), expected)
