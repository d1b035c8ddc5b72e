"""Times of any unit become the microsecond that they lie in, on both ways in."""

import pyarrow as pa
import pytest

from slate.times import instants

LARGEST = 2**63 - 1
# The years 1 and 9999, of which Python's times are.
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("unit", "value", "microseconds"),
    [
        ("ns", 46_799_999_999_600, 46_799_999_999),  # 12:59:59.9999996
        ("ns", 999, 0),
        ("ns", 1_000, 1),
        ("ns", -1, -1),
        ("ns", -1_000, -1),
        ("ns", -1_001, -2),
        ("ns", -(2**63), -9_223_372_036_854_776),
        ("us", -1, -1),
        ("us", LAST, LAST),
        ("us", LAST + 1, None),
        ("ms", -1, -1_000),
        ("ms", LARGEST, None),
        ("ms", -(2**63), None),
        ("s", -1, -1_000_000),
        ("s", FIRST // 1_000_000, FIRST),
        ("s", FIRST // 1_000_000 - 1, None),
        ("s", -(2**63), None),
    ],
)
def test_an_instant_is_the_microsecond_that_it_lies_in(
    zone: str | None, unit: str, value: int, microseconds: int | None
) -> None:
    """Between a value that is absent and another; null and wrong beyond Python's years."""
    given = pa.array([None, value, 0], pa.int64()).cast(pa.timestamp(unit, zone))
    found, wrong = instants(given)
    assert found.type == pa.timestamp("us", "UTC")
    assert found.cast(pa.int64()).to_pylist() == [None, microseconds, 0]
    assert (wrong is not None and list(wrong)) == (microseconds is None and [False, True, False])


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_a_date_is_the_instant_that_it_begins_at(kind: pa.DataType) -> None:
    days = pa.array([-1, 0, None, 20_522], pa.int32()).cast(pa.date32()).cast(kind)
    found, wrong = instants(days)
    assert found.cast(pa.int64()).to_pylist() == [
        -86_400_000_000, 0, None, 20_522 * 86_400_000_000,
    ]  # fmt: skip
    assert wrong is None
