from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from live_shopping.model.training import model_features
from slate import Array
from slate.deployment import Deployment, load

ROOT = Path(__file__).parents[2]
UNTIL = datetime(2026, 11, 22, 9, tzinfo=UTC)
SHOWS = 10


@dataclass(frozen=True)
class Sets:
    """A deployment, and training sets that are made up: who is in the mood taps."""

    deployment: Deployment

    @property
    def folder(self) -> Path:
        return self.deployment.training / "feed_ranking_v1"

    def write(self, requests: int, mood_counts: float = 3.0, version: int = 1) -> Path:
        """Write a version, make it current; its newest day has a seventh of the requests."""
        rng = np.random.default_rng(version)
        rows = requests * SHOWS
        plan = self.deployment.registry.plan("feed_ranking_v1")
        columns: dict[str, Array] = {name: rng.random(rows) for name in model_features(plan)}
        mood = columns["feed_request.mood"]
        odds = np.exp(mood_counts * (mood - 0.5) - 1.5)
        seconds = np.repeat(np.arange(requests), SHOWS) * (7 * 86_400 // requests)
        times = [UTC_START + timedelta(seconds=int(second)) for second in seconds]
        table = pa.table(
            {
                "event_ts": pa.array(times, pa.timestamp("us", "UTC")),
                "request_id": np.repeat(np.arange(requests), SHOWS).astype(str).tolist(),
                "viewer_id": np.repeat(np.arange(requests) // 2, SHOWS).astype(str).tolist(),
                "tapped": rng.random(rows) * (1 + odds) < odds,
                **columns,
            }
        )
        file = self.folder / "versions" / f"{version:06}" / "day=2026-11-22" / "data.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(table, file)
        (self.folder / "current").unlink(missing_ok=True)
        (self.folder / "current").symlink_to(file.parents[1])
        return file.parents[1]


UTC_START = UNTIL - timedelta(days=7)


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sets:
    monkeypatch.setenv("SLATE_CONFIG", str(ROOT / "slate.toml"))
    monkeypatch.setenv("SLATE_DATA", str(tmp_path / "data"))
    for name in ("SLATE_REDIS", "SLATE_ENV"):
        monkeypatch.delenv(name, raising=False)
    return Sets(load())
