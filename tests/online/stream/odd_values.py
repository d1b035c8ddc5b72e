"""Odd values for a column of each kind, and what becomes of them, whichever way they come in."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

# For a value that a column does not take.
WRONG = object()
# By column, the type in which a file or a table has the values, with each one's outcome.
Cases = list[tuple[str, pa.DataType, dict[Any, Any]]]

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
NAN, INF = float("nan"), float("inf")
TEXT, INT, FLOAT = pa.string(), pa.int64(), pa.float64()


def _instant(unit: str, zone: str | None = "UTC") -> pa.DataType:
    return pa.timestamp(unit, zone)


def _wrong(*values: Any) -> dict[Any, Any]:
    return dict.fromkeys(values, WRONG)


TYPED: Cases = [
    ("text", TEXT, {"": "", " a ": " a ", "é\n": "é\n", "null": "null"}),
    ("text", pa.large_string(), {"a": "a"}),
    ("text", pa.dictionary(pa.int8(), TEXT), {"a": "a"}),
    ("text", INT, {17: "17", -(2**63): str(-(2**63))}),
    ("text", pa.uint64(), {2**64 - 1: str(2**64 - 1)}),
    ("text", FLOAT, _wrong(1.5, 2.0, INF) | {NAN: None}),
    ("text", pa.bool_(), _wrong(True)),
    ("text", pa.binary(), _wrong(b"bytes")),
    ("text", pa.binary(16), _wrong(b"0123456789abcdef")),
    ("text", _instant("us"), _wrong(NOON)),
    ("text", pa.date32(), _wrong(DAY.date())),
    ("text", pa.decimal128(5, 2), _wrong(Decimal("1.50"))),
    ("text", pa.list_(TEXT), {("a",): WRONG}),
    ("text", pa.struct({"a": TEXT}), {(("a", "b"),): WRONG}),
    ("number", pa.int8(), {-128: -128}),
    ("number", INT, {2**63 - 1: 2**63 - 1, -(2**63): -(2**63)}),
    ("number", pa.uint64(), {1: 1, 2**63 - 1: 2**63 - 1} | _wrong(2**63, 2**64 - 1)),
    ("number", pa.float32(), {1.0: 1, NAN: None} | _wrong(1.5, INF, 3e38)),
    (
        "number",
        FLOAT,
        {-4.0: -4, -0.0: 0, 2.0**53: 2**53, NAN: None}
        | _wrong(1.5, 5e-324, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e300, INF, -INF),
    ),
    ("number", pa.decimal128(38, 2), {Decimal("5.00"): 5} | _wrong(Decimal("5.01"))),
    ("number", pa.decimal128(38, 0), {Decimal(2**63 - 1): 2**63 - 1} | _wrong(Decimal(2**63))),
    ("number", pa.bool_(), _wrong(True, False)),
    ("number", _instant("us"), _wrong(NOON)),
    (
        "number",
        TEXT,
        {"12": 12, "-3": -3, "+3": 3, "007": 7, "1.0": 1, "-5.": -5, str(2**63 - 1): 2**63 - 1}
        | _wrong("", " 1", "1.5", "1e3", "0x10", "0b1", "1_000", "1,000", "\u0663", "½", "-", "x")
        | _wrong(str(2**63), "9" * 400, "nan", "inf", "true", "1\n"),
    ),
    ("share", FLOAT, {0.1: 0.1, 5e-324: 5e-324, 1e100: 1e100, NAN: None}),
    ("share", pa.float32(), {0.5: 0.5, 1.5e30: 1.4999999470133356e30, NAN: None}),
    ("share", pa.float16(), {0.5: 0.5}),
    ("share", INT, {1: 1.0, 2**60 + 1: float(2**60), 2**53 + 1: float(2**53)}),
    ("share", pa.uint64(), {2**64 - 1: 2.0**64}),
    ("share", pa.decimal128(38, 20), {Decimal("0.30000000000000004"): 0.30000000000000004}),
    ("share", pa.bool_(), _wrong(True)),
    ("share", _instant("us"), _wrong(NOON)),
    ("share", pa.time64("us"), _wrong(time(12))),
    (
        "share",
        TEXT,
        {"1.5": 1.5, "-2": -2.0, "+.5": 0.5, "5.": 5.0, "1e3": 1000.0, "1E-3": 0.001}
        | {"0.30000000000000004": 0.30000000000000004, "-0": 0.0}
        | _wrong("", " 1.5", "1,5", "one", "nan", "NaN", "inf", "-Infinity", "0x1p3", "1_0", "1e")
        | _wrong("true", "1.5f", "1e3.5", "\u0663.\u0665"),
    ),
    ("works", pa.bool_(), {True: True, False: False}),
    ("works", TEXT, {"true": True, "FALSE": False, "True": True}),
    ("works", TEXT, _wrong("", "yes", "no", "t", "f", "1", "0", "on", " true", "maybe")),
    ("works", INT, _wrong(0, 1, 2)),
    ("works", FLOAT, _wrong(0.0, 1.0) | {NAN: None}),
    ("due_at", _instant("us", None), {NOON.replace(tzinfo=None): NOON}),
    ("due_at", _instant("us", "Europe/Oslo"), {NOON: NOON}),
    ("due_at", _instant("ms"), {NOON: NOON}),
    ("due_at", _instant("s"), {NOON: NOON}),
    ("due_at", _instant("us"), _wrong(2**63 - 1, -(2**63 - 1), 253_402_300_800_000_000)),
    ("due_at", _instant("us"), _wrong(-62_135_596_800_000_001)),
    ("due_at", _instant("us"), {253_402_300_799_999_999: datetime.max.replace(tzinfo=UTC)}),
    ("due_at", _instant("ms"), _wrong(2**63 - 1)),
    ("due_at", _instant("ns"), {1_999: datetime(1970, 1, 1, 0, 0, 0, 1, UTC)}),
    (
        "due_at",
        _instant("ns", None),
        {
            -1: datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
            1_772_366_399_999_999_600: NOON - timedelta(microseconds=1),
        },
    ),
    ("due_at", pa.date32(), {DAY.date(): DAY, date(1, 1, 1): datetime(1, 1, 1, tzinfo=UTC)}),
    ("due_at", INT, _wrong(1_772_366_400, 1_772_366_400_000)),
    ("due_at", FLOAT, _wrong(1_772_366_400.0) | {NAN: None}),
    ("due_at", pa.time64("us"), _wrong(time(12))),
    ("due_at", pa.bool_(), _wrong(True)),
    (
        "due_at",
        TEXT,
        {
            "2026-03-01": DAY,
            "2026-03-01 12:00": NOON,
            "2026-03-01T12:00:00Z": NOON,
            "2026-03-01 13:00+01:00": NOON,
            "2026-03-01T13:00:00+01": NOON,
            "2026-03-01T06:30:00-0530": NOON,
            "2026-03-01 11:59:59.9999996": NOON - timedelta(microseconds=1),
            "2026-03-01 12:00:00.000000999": NOON,
            "2026-03-01T12:00:00.5": NOON + timedelta(milliseconds=500),
        }
        | _wrong("", "soon", "now", "today", "infinity", "-infinity", "epoch", "NaT", "1772366400")
        | _wrong("20260301", "2026-W09-7", "2026-060", "2026-3-1", "2026-03", "2026/03/01")
        | _wrong("01.03.2026", "12:00", "2026-02-30", "2026-13-01", "0000-01-01", "2026-03-01Z")
        | _wrong("2026-03-01 12", "2026-03-01T24:00", "2026-03-01 12:60", "2026-03-01 23:59:60")
        | _wrong("2026-03-01  12:00", "2026-03-01 12:00 +01", "2026-03-01 12:00 PM", "+2026-03-01")
        | _wrong("2026-03-01T12:00:00,5", "2026-03-01T12:00+15", "2026-03-01 12:00 Europe/Oslo")
        | _wrong("2026-03-01 (BC)", "9999-12-31T23:59-01:00", "0001-01-01T00:00+01:00"),
    ),
]
