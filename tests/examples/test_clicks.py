"""The example of a shop's clicks: its features against pandas, which shares no code with them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.depth import either
from tests.examples.commands import ROOT, Example

UNTIL = "2024-02-20"
# The tails of these windows move in these steps.
HOPS = {"5min": "5s", "2h": "5min", "30D": "1D", "90D": "1D"}
FIELDS = ["user_id", "session_id", "timestamp", "event", "platform"]

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def clicks() -> pd.DataFrame:
    script = ROOT / "examples/clicks/file.py"
    told = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    found = pd.read_csv(Path(told.stdout.strip()), parse_dates=["timestamp"])
    found["known"] = found["timestamp"] + pd.Timedelta("1s")
    return found[found["timestamp"] < UNTIL]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, clicks: pd.DataFrame) -> Example:
    made = Example("clicks", tmp_path_factory.mktemp("example"), f"{UNTIL}T00:00:00")
    clicks.drop(columns="known").to_csv(made.folder / "part.csv", index=False)
    commands = made.commands()
    assert sum("$(python file.py)" in command for command in commands) == 1
    for command in commands:
        made.run(command.replace("$(python file.py)", "part.csv"))
    return made


@pytest.fixture(scope="module")
def training(example: Example) -> pd.DataFrame:
    return pd.read_parquet(example.folder / "data/training/purchase_intent_v1/current")


def window(clicks: pd.DataFrame, at: pd.Timestamp, length: str) -> pd.DataFrame:
    return clicks[clicks["timestamp"] >= (at - pd.Timedelta(length)).floor(HOPS[length])]


def expected(clicks: pd.DataFrame, row: Any) -> dict[str, Any]:
    at = row["timestamp"].tz_convert(None)
    before = clicks[clicks["known"] < at]
    session = before[before["session_id"] == row["session_id"]]
    user = before[before["user_id"] == row["user_id"]]
    lately, visit = window(session, at, "5min"), window(session, at, "2h")
    month, quarter = window(user, at, "30D"), window(user, at, "90D")
    steps, platforms = visit["event"].value_counts(), quarter["platform"].value_counts()
    bought = user[user["event"] == "purchase"]["timestamp"]
    added = (visit["event"] == "add_to_cart").sum()
    return {
        "session_clicks.clicks_5m": len(lately),
        "session_clicks.clicks_2h": len(visit),
        "session_clicks.searched_2h": visit["event"].isin(["search", "filter_results"]).sum(),
        "session_clicks.viewed_5m": (lately["event"] == "product_view").sum(),
        "session_clicks.added_2h": added,
        "session_clicks.troubles_2h": visit["event"]
        .isin(["error_page", "payment_error", "checkout_bug"])
        .sum(),
        "session_clicks.steps_2h": visit["event"].nunique(),
        "session_clicks.usual_share_2h": steps.max() / steps.sum() if len(steps) else np.nan,
        "user_clicks.sessions_90d": quarter["session_id"].nunique(),
        "user_clicks.purchases_30d": (month["event"] == "purchase").sum(),
        "user_clicks.platform_share_90d": platforms.max() / platforms.sum()
        if len(platforms)
        else np.nan,
        "this_click.at_checkout": row["event"] in ("shipping_details", "payment_details"),
        "this_click.minutes_in": (at - session["timestamp"].min()) / pd.Timedelta("1min"),
        "this_click.added_share": added / max(len(visit), 1),
        "this_click.days_since_purchase": (at - bought.max()) / pd.Timedelta("1D"),
    }


def test_a_row_for_each_click(training: pd.DataFrame, clicks: pd.DataFrame) -> None:
    wanted, found = (
        table.assign(timestamp=table["timestamp"].astype(str).str[:19])[FIELDS]
        .sort_values(FIELDS)
        .to_numpy()
        for table in (clicks, training)
    )
    np.testing.assert_array_equal(found, wanted)


def test_features(training: pd.DataFrame, clicks: pd.DataFrame) -> None:
    rows = training.sample(either(150, 400), random_state=3)
    wanted = pd.DataFrame([expected(clicks, row) for _, row in rows.iterrows()])
    assert (wanted.nunique() > 1).all(), "so that no fault hides behind one value"
    for name in wanted:
        found = rows[name].to_numpy(np.float64)
        np.testing.assert_allclose(found, wanted[name].to_numpy(np.float64), 1e-9, 1e-9, True, name)


def test_the_latest_steps(training: pd.DataFrame, clicks: pd.DataFrame) -> None:
    compared = 0
    for _, row in training.sample(either(150, 400), random_state=4).iterrows():
        before = clicks[clicks["known"] < row["timestamp"].tz_convert(None)]
        session = before[before["session_id"] == row["session_id"]]
        latest = session.sort_values("timestamp", ascending=False)
        if latest["timestamp"].is_unique:  # which comes first of a tie is another test's matter
            steps = latest["event"].tolist()[:5]
            assert list(row["session_clicks.last_steps"]) == steps
            compared += len(steps)
    assert compared > either(150, 500)


def test_the_most_usual_steps(training: pd.DataFrame, clicks: pd.DataFrame) -> None:
    for _, row in training.sample(200, random_state=5).iterrows():
        at = row["timestamp"].tz_convert(None)
        before = clicks[(clicks["known"] < at) & (clicks["session_id"] == row["session_id"])]
        counts = window(before, at, "2h")["event"].value_counts()
        usual = list(row["session_clicks.usual_steps_2h"])
        assert [counts[step] for step in usual] == sorted(counts, reverse=True)[:3]
        assert len(set(usual)) == min(3, len(counts))


def test_a_model_is_fitted_and_served(example: Example) -> None:
    """The script itself holds what is served against the history."""
    told = example.run("python model.py").splitlines()
    assert len(told) == 3
    learned, judged = (int(told[0].split()[place].replace(",", "")) for place in (0, 5))
    assert learned > judged > 100
    assert 0.5 < float(told[1].split()[-1]) < 1
    assert len(told[2].strip("[]").split()) == 10
