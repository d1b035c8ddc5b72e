"""The platform's clock: which hours there are, and what a virtual clock is not for."""

from argparse import Namespace
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slate.assets.hours import hourly
from slate.cli import ingest, live, stream
from slate.deployment import Deployment, load
from slate.errors import ConfigurationError
from slate.online import FeatureClient
from tests.orchestration.bikes import BIKES

CLOCK = datetime(2026, 3, 10, 12, 40, tzinfo=UTC)


@pytest.fixture
def past(tmp_path: Path) -> Deployment:
    """A bike-share of whose hours some have landed, and whose clock stands still."""
    deployment = replace(load(BIKES / "slate.toml"), data=tmp_path / "data", clock=CLOCK)
    for name in ("2026-03-10/09", "2026-03-10/11", "2026-03-10/12", "2030-01-01/00"):
        file = deployment.landing / "moves" / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return deployment


def test_hours_that_are_not_over_are_not_built(past: Deployment) -> None:
    hours = [f"2026-03-10-{hour:02}:00" for hour in (9, 10, 11)]
    assert hourly(past).get_partition_keys() == hours
    real = hourly(replace(past, clock=None)).get_partition_keys()
    assert real[:4] == [*hours, "2026-03-10-12:00"]
    assert "2030-01-01-00:00" not in real


@pytest.mark.parametrize("clock", [CLOCK, CLOCK.replace(day=1), CLOCK.replace(hour=0, minute=0)])
def test_before_anything_landed_there_is_the_day_of_the_last_hour(
    past: Deployment, tmp_path: Path, clock: datetime
) -> None:
    keys = hourly(replace(past, data=tmp_path / "empty", clock=clock)).get_partition_keys()
    last = clock.hour - 1 if clock.hour else 23
    assert len(keys) == last + 1
    assert keys[-1].endswith(f"{last:02}:00")


def test_now_is_what_the_clock_says(past: Deployment) -> None:
    with FeatureClient.connect(past) as client:
        answer = client.get("bike_choice", rider_id="a", bike_id=1, distance=1.0, leaves_at=CLOCK)
    assert answer.at == CLOCK


@pytest.mark.parametrize("command", [stream, live, ingest])
def test_what_streams_arrives_now(command: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLATE_CONFIG", str(BIKES / "slate.toml"))
    monkeypatch.setenv("SLATE_CLOCK", CLOCK.isoformat())
    options = Namespace(file="-", source="move", workers=1, pii=False, metrics=None)
    with pytest.raises(ConfigurationError, match=r"stands at 2026-03-10 12:40:00.*SLATE_CLOCK"):
        command.run(options)  # type: ignore[attr-defined]
