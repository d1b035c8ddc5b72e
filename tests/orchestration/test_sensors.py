"""The sensor asks for hours whose files came late, each once, and remembers little."""

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from slate.assets.hours import FORMAT, partition_key
from slate.assets.landing import raw_key
from slate.assets.landing_files import ONE_HOUR
from slate.deployment import Deployment
from slate.orchestration import sensors
from slate.orchestration.sensors import late_files
from tests.deployments.bikes.definitions import Move

NOON = datetime(2026, 3, 10, 12)


class Looks:
    """A bike-share's landing folder, and the sensor that looks through it."""

    def __init__(self, folder: Path) -> None:
        definitions = "tests.deployments.bikes.definitions"
        self.deployment = Deployment("bikes", definitions, folder, folder, folder / "data")
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None
        job = dg.define_asset_job("whole", dg.AssetSelection.all())
        self._sensor = late_files(self.deployment, job)

    def land(self, *hours: int, name: str = "") -> None:
        for hour in hours:
            at = NOON + hour * ONE_HOUR
            file = self.deployment.landing / "moves" / f"{at:%Y-%m-%d}" / f"{at:%H}{name}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")

    def take_in(self, *hours: int) -> None:
        for hour in hours:
            key = partition_key(NOON + hour * ONE_HOUR)
            event = dg.AssetMaterialization(raw_key(Move), partition=key)
            self.instance.report_runless_asset_event(event)

    def look(self) -> list[int]:
        """The hours that it asks for, around noon."""
        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        found = self._sensor(context)
        if not isinstance(found, dg.SensorResult):
            self.cursor = context.cursor
            return []
        self.cursor = found.cursor
        asked = [str(request.partition_key) for request in found.run_requests or ()]
        return [(datetime.strptime(key, FORMAT) - NOON) // ONE_HOUR for key in asked]


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looks:
    monkeypatch.setattr(sensors, "SETTLED", timedelta())
    return Looks(tmp_path)


def test_a_file_that_comes_late_is_asked_for_once(looks: Looks) -> None:
    looks.land(0, 1, 3)
    looks.take_in(0, 1, 3)
    assert looks.look() == [], "what was there to begin with"
    looks.land(1, name="-late")
    assert looks.look() == [1]
    assert looks.look() == []


def test_an_hour_in_between_that_had_no_files_may_get_some(looks: Looks) -> None:
    looks.land(0, 3)
    looks.take_in(0, 3)
    looks.look()
    looks.land(2)
    assert looks.look() == [2]


def test_an_hour_after_all_others_is_the_schedules(looks: Looks) -> None:
    looks.land(0)
    looks.take_in(0)
    looks.look()
    looks.land(1)
    assert looks.look() == []


def test_many_hours_are_asked_for_look_by_look(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "MOST_HOURS", 3)
    looks.land(*range(10))
    looks.take_in(*range(10))
    looks.look()
    looks.land(*range(8), name="-late")
    asked = [looks.look() for _ in range(4)]
    assert [len(hours) for hours in asked] == [3, 3, 2, 0]
    assert sorted(hour for hours in asked for hour in hours) == list(range(8))


def test_its_cursor_does_not_grow_with_the_files(looks: Looks) -> None:
    looks.land(0)
    looks.look()
    few = looks.cursor
    looks.land(*range(500))
    looks.look()
    assert few is not None
    assert looks.cursor is not None
    assert len(looks.cursor) == len(few) < 100
