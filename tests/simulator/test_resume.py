from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from live_shopping.simulator import Progress, SimulationConfig, simulate
from slate.errors import ConfigurationError, DataError

END = datetime(2026, 11, 22, 9, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def small(data: Path) -> SimulationConfig:
    return SimulationConfig(
        data=data, end=END, days=2, events=20_000, viewers=1_000, sellers=100, seed=11
    )


def landing_files(config: SimulationConfig) -> dict[str, bytes]:
    paths = sorted(config.landing.glob("*/*/*.parquet"))
    return {str(path.relative_to(config.landing)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    config = small(tmp_path_factory.mktemp("at_once"))
    assert simulate(config).hours == 48
    return landing_files(config)


def test_one_day_and_one_more_equal_two_days_at_once(
    at_once: dict[str, bytes], tmp_path: Path
) -> None:
    second = replace(small(tmp_path), days=1, events=10_000)
    first = replace(second, end=END - ONE_DAY)

    assert simulate(first).hours == 24
    summary = simulate(second)

    assert (summary.start, summary.end) == (END - ONE_DAY, END)
    assert landing_files(second) == at_once


def test_an_interrupted_run_is_made_good_by_the_next(
    at_once: dict[str, bytes], tmp_path: Path
) -> None:
    config = small(tmp_path)

    def interrupt(progress: Progress) -> None:
        if progress.done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(config, interrupt)
    again = simulate(config)

    assert again.start.hour == 0, "the state is saved at each midnight"
    assert landing_files(config) == at_once


def test_another_seed_gives_other_rows(at_once: dict[str, bytes], tmp_path: Path) -> None:
    config = replace(small(tmp_path), seed=12)
    simulate(config)
    files = landing_files(config)

    assert set(files) == set(at_once)
    assert not any(files[path] == at_once[path] for path in files if path.startswith("events"))


def test_nothing_is_written_when_no_hour_is_missing(tmp_path: Path) -> None:
    config = replace(small(tmp_path), days=1, events=100)
    simulate(config)
    before = {path: path.stat().st_mtime_ns for path in config.data.rglob("*.*")}

    for end in (END, END - ONE_DAY):
        summary = simulate(replace(config, end=end))
        assert (summary.hours, summary.rows) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in config.data.rglob("*.*")} == before


def test_other_values_than_the_landing_areas_are_refused(tmp_path: Path) -> None:
    config = replace(small(tmp_path), days=1, events=100)
    simulate(replace(config, end=END - timedelta(hours=23)))

    with pytest.raises(DataError, match=r"sellers was 100, now 99.*another data directory"):
        simulate(replace(config, sellers=99))
    with pytest.raises(DataError, match=r"events_per_day was 100.0, now 50.0"):
        simulate(replace(config, days=2))


def test_files_without_a_state_are_refused(tmp_path: Path) -> None:
    config = replace(small(tmp_path), days=1, events=100)
    simulate(config)
    (config.landing / ".simulator" / "state.npz").unlink()

    with pytest.raises(DataError, match="no state"):
        simulate(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": 0}, "events is 0; give 1 or more"),
        ({"seed": -1}, "seed is -1"),
        ({"viewers": 99}, "give 100 viewers or more"),
        ({"end": END.replace(minute=5)}, "give a whole hour"),
        ({"end": END.replace(tzinfo=None)}, "with its time zone"),
    ],
)
def test_a_wrong_configuration_says_what_to_give(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replace(small(tmp_path), **change)
