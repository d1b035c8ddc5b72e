"""What is computed from events, whatever they are, meets the suite: no false alarm."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest

from slate.quality.validations import validate
from slate.windows import window
from tests.quality.library import MemberLoans
from tests.quality.warehouse import AS_OF, write

AT = int(AS_OF.replace(tzinfo=UTC).timestamp() * 1_000_000)


def start(length: str) -> int:
    return window(length, "a test").start(AT)


@pytest.mark.parametrize("seed", range(3))
def test_windows_of_random_events_meet_the_suite(seed: int) -> None:
    random = np.random.default_rng(seed)
    events = defaultdict(list)
    for member in random.integers(0, 200, 3000).tolist():
        ago = int(random.exponential(8 * 3_600_000_000)) + 1
        # Prices repeat, which is where means are off by their rounding.
        days = float(random.choice([0.1, 0.7, 19.99, -3.3])) if random.random() < 0.8 else None
        events[member].append((AT - ago, days, bool(random.random() < 0.3)))
    rows = []
    for member, found in events.items():
        day = [event for event in found if event[0] >= start("1d")]
        values = np.array([days for _, days, _ in day if days is not None])
        rows.append(
            {
                "member_id": member,
                "event_ts": datetime(1970, 1, 1) + timedelta(microseconds=max(f[0] for f in found)),
                "loans_1h": sum(event[0] >= start("1h") for event in found),
                "loans_1d": len(day),
                "late_1d": sum(late for _, _, late in day),
                "least_days_1d": values.min() if values.size else None,
                "usual_days_1d": sum(values.tolist()) / values.size if values.size else None,
                "most_days_1d": values.max() if values.size else None,
                "spread_1d": values.std() if values.size else None,
                "last_branch": "north",
                "recent_branches": ["north"] * min(len(found), 3),
                "recent_days": [days for _, days, _ in sorted(found)[::-1] if days is not None][:2],
            }
        )
    with duckdb.connect() as connection:
        write(connection, MemberLoans, rows)
        validation = validate(MemberLoans, connection, as_of=AS_OF)
    assert not validation.failed
