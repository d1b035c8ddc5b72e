"""Bodies of every shape: a server answers or refuses each in words of its own, and lives on."""

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from slate.online.http import bodies
from tests.online.http.conftest import Served
from tests.online.http.test_refusals import ASKED, SERVICE, arrow

VISIT = "/v1/services/visit"
VISITED = {
    "game_id": ["go", "chess"],
    "at": "2026-05-01T12:00:00Z",
    "word": "w",
    "whole": [1, 2],
    "number": 0.5,
    "truth": True,
    "time": "2026-05-01",
}
WHOLE = [
    (SERVICE, ASKED),
    (SERVICE, {"player_id": [1, 2], "game_id": ["go", "tag"]}),
    (VISIT, VISITED),
    (VISIT, {"requests": [VISITED, VISITED]}),
]
ODD: list[Any] = [
    None, True, False, 0, -0.0, 1, -1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**400, 0.1,
    1e308, -1e-320, "", "go", "é", "\x00", "\ud800", "\U0010ffff", "x" * 2_000, "NaN", "1", "1.5",
    "true", "null", "2026-05-01", "2026-05-01T00:00:00.0000001Z", "2026-02-30", "0001-01-01",
    "9999-12-31T23:59:59.999999+14:00", "2026-05-01T12:00:00+99:00", "1e3", [], [[]], [None], [[1]],
    [1, "1"], ["go"] * 2, [1.5, None], {}, {"requests": []}, {"": 1}, [{}], [[["go"]]],
]  # fmt: skip
NAMES = ["", "at", "requests", "gameid", "game_id ", "GAME_ID", "__class__", "\ud800", "x" * 300]


def changed(choose: random.Random, value: Any) -> Any:
    """A JSON value with something in it that is odd, absent, or too much."""
    if not isinstance(value, dict | list) or not value or choose.random() < 0.15:
        return choose.choice(ODD)
    if isinstance(value, list):
        place = choose.randrange(len(value))
        return [*value[:place], changed(choose, value[place]), *value[place + 1 :]]
    name = choose.choice(list(value))
    match choose.randrange(6):
        case 0:
            return {other: one for other, one in value.items() if other != name}
        case 1:
            return value | {choose.choice(NAMES): choose.choice(ODD)}
        case _:
            return value | {name: changed(choose, value[name])}


def test_odd_json(served: Served) -> None:
    choose = random.Random(3)
    seen = set()
    for _ in range(600):
        path, given = choose.choice(WHOLE)
        for _ in range(choose.randint(1, 3)):
            given = changed(choose, given)
        body = json.dumps(given).encode()
        if choose.random() < 0.1:
            place = choose.randrange(len(body))
            body = body[:place] + bytes([choose.randrange(256)]) + body[place + 1 :]
        response = served.ask(path, body, content_type=bodies.JSON)
        assert response.status in (200, 400), (body, response.body)
        assert response.json
        if response.status == 400:
            assert "Error" not in response.error, (body, response.error)
        seen.add(response.status)
    assert seen == {200, 400}


def _times(unit: str, zone: str | None = None) -> Callable[[int], pa.Array]:
    return lambda n: pa.array([2**62, *range(n)][:n], pa.timestamp(unit, zone))


COLUMNS: dict[str, Callable[[int], pa.Array]] = {
    "null": pa.nulls,
    "int8": lambda n: pa.array([1] * n, pa.int8()),
    "uint64": lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    "float16": lambda n: pa.array([1.0] * n, pa.float16()),
    "nan": lambda n: pa.array([float("nan")] * n),
    "infinite": lambda n: pa.array([float("-inf")] * n),
    "decimal": lambda n: pa.array([Decimal("1.5")] * n),
    "texts": lambda n: pa.array(["go"] * n),
    "large texts": lambda n: pa.array(["go"] * n, pa.large_string()),
    "views": lambda n: pa.array(["go"] * n, pa.string_view()),
    "bytes": lambda n: pa.array([b"\xff"] * n),
    "fixed bytes": lambda n: pa.array([b"go"] * n, pa.binary(2)),
    "broken texts": lambda n: pa.Array.from_buffers(
        pa.string(), n, pa.array([b"\xff\xfe"] * n, pa.binary()).buffers()
    ),
    "bools": lambda n: pa.array([True] * n),
    "dates": lambda n: pa.array([date(2026, 5, 1)] * n),
    "times of day": lambda n: pa.array([1] * n, pa.time64("us")),
    "durations": lambda n: pa.array([1] * n, pa.duration("us")),
    "seconds": _times("s"),
    "milliseconds": _times("ms", "UTC"),
    "microseconds": _times("us", "UTC"),
    "nanoseconds": _times("ns", "Europe/Amsterdam"),
    "instants": lambda n: pa.array([datetime(2026, 5, 1, tzinfo=UTC)] * n),
    "structs": lambda n: pa.array([{"a": 1}] * n),
    "maps": lambda n: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
    "lists": lambda n: pa.array([["go"]] * n),
    "fixed lists": lambda n: pa.array([[1, 2]] * n, pa.list_(pa.int64(), 2)),
    "ends of runs": lambda n: pa.RunEndEncodedArray.from_arrays([n], ["go"]) if n else pa.nulls(0),
    "extension": lambda n: pa.ExtensionArray.from_storage(
        pa.json_(), pa.array(["1"] * n, pa.string())
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_any_type(served: Served, kind: str) -> None:
    for rows in range(3):
        made = COLUMNS[kind](rows)
        others = {
            "game_id": pa.array(["go"] * rows),
            "time": pa.array([datetime(2026, 5, 1, tzinfo=UTC)] * rows),
        }
        for name in ("game_id", "word", "whole", "number", "truth", "time"):
            body = arrow(pa.table(others | {name: made}))
            response = served.ask(VISIT, body, content_type=bodies.ARROW)
            assert response.status in (200, 400), (name, response.body)
            if response.status == 400:
                assert "Error" not in response.error, response.error
