"""What freshness pays: models of features a second to a day old, for the same clicks.

In this folder, after `slate run`: `python ages.py` prints the tables of README.md and draws
ages.svg. Each click is asked about just before it is made, with features as of some time before
that: history leaves out whatever had not arrived by then. What the click itself tells is in none.
"""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from clicks.definitions import CHECKOUT, SessionClicks, ThisClick, UserClicks
from file import CLICKS
from matplotlib.figure import Figure
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

import slate
from slate.deployment import load

AGES = {
    "24h": timedelta(hours=24),
    "1h": timedelta(hours=1),
    "10min": timedelta(minutes=10),
    "1min": timedelta(minutes=1),
    "1s": timedelta(seconds=1),
}
# Of the request features those that need nothing of the request.
FEATURES = [
    SessionClicks,
    UserClicks,
    ThisClick.minutes_in,
    ThisClick.added_share,
    ThisClick.buys,
    ThisClick.days_since_purchase,
]
LAST_STEP = "session_clicks.last_steps"
WITHOUT = "1s, without the last step"
QUESTIONS = {
    "buying": "Is this click one of cart, checkout or purchase?",
    "buys": "Does the visit buy, with this click or later?",
}
SEEDS, RESAMPLES = 5, 1_000


def labelled() -> pd.DataFrame:
    """The clicks with their labels, and whether they are of visits to learn from or to judge by.

    A visit that goes on at the instant between is in neither, as its outcome was not known then.
    """
    clicks = pd.read_csv(CLICKS, parse_dates=["timestamp"])
    clicks = clicks[clicks["timestamp"] < load().clock.replace(tzinfo=None)]
    clicks["buying"] = clicks["event"].isin(["cart", *CHECKOUT, "purchase"])
    purchases = clicks[clicks["event"] == "purchase"].groupby("session_id")["timestamp"].max()
    clicks["buys"] = clicks["session_id"].map(purchases) >= clicks["timestamp"]
    times = clicks.groupby("session_id")["timestamp"]
    split = clicks["timestamp"].quantile(0.8)
    clicks["first"] = times.transform("max") < split
    clicks["later"] = times.transform("min") >= split
    return clicks


def features(clicks: pd.DataFrame, age: timedelta) -> pd.DataFrame:
    """What was known an age before each click, as a model takes it: numbers and categories."""
    asked = clicks[["user_id", "session_id", "timestamp"]]
    found = slate.history(FEATURES, asked.assign(timestamp=asked["timestamp"] - age))
    found = found.drop(columns=asked.columns)
    for name in (LAST_STEP, "session_clicks.usual_steps_2h"):  # the first of each
        found[name] = [None if steps is None else next(iter(steps), None) for steps in found[name]]
    # Dates are left out: those of the clicks that judge lie after all that a model has seen.
    found = found.drop(columns=found.select_dtypes(["datetime", "datetimetz"]).columns)
    texts = found.select_dtypes(exclude=["number", "bool"]).columns
    return found.astype(dict.fromkeys(texts, "category"))


def scores(clicks: pd.DataFrame, table: pd.DataFrame, label: str) -> np.ndarray:
    """The chance of a label for each click that judges: the mean of models of some resamples."""
    first, later = table[clicks["first"]], table[clicks["later"]]
    labels = clicks.loc[clicks["first"], label].to_numpy()
    _, visits = np.unique(clicks.loc[clicks["first"], "session_id"], return_inverse=True)
    rows = np.split(np.argsort(visits, kind="stable"), np.cumsum(np.bincount(visits))[:-1])
    chances = []
    for seed in range(SEEDS):
        drawn = np.random.default_rng(seed).integers(0, len(rows), len(rows))
        sample = np.concatenate([rows[visit] for visit in drawn])
        model = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=15, early_stopping=False, random_state=0
        )
        with threadpool_limits(1):
            # Scikit-learn fails where a column has no value at all.
            learned = first.iloc[sample].dropna(axis=1, how="all")
            model.fit(learned, labels[sample])
            chances.append(model.predict_proba(later[learned.columns])[:, 1])
    return np.mean(chances, axis=0)


def qualities(labels: np.ndarray, found: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area under the ROC curve, ties counting half, and the log loss in nats a click.

    Args:
        labels: of each click.
        found: its chance, as models tell it.
        weights: how often it counts, of shape (resamples, clicks).

    Returns:
        Of shape (2, resamples).
    """
    _, rank = np.unique(found, return_inverse=True)
    losses = -np.where(labels, np.log(found), np.log1p(-found))
    areas = []
    for weight in weights:
        positive = np.bincount(rank, weight * labels)
        negative = np.bincount(rank, weight * ~labels)
        below = np.cumsum(negative) - negative / 2
        areas.append(positive @ below / (positive.sum() * negative.sum()))
    return np.array([areas, weights @ losses / weights.sum(axis=1)])


def told(values: np.ndarray, sign: str = "") -> str:
    """The value of all clicks, which is the first, and between what 95 % of the others lie."""
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return f"{values[0]:{sign}.4f} ({low:{sign}.4f} to {high:{sign}.4f})"


def table(found: dict[str, np.ndarray], known: dict[str, float]) -> str:
    """A table of what models of each age come to; differences are of the same resamples."""
    older = {age: before for before, age in pairwise(found)}
    lines = [
        "| age | visit known | AUC | above the row before | log loss | above the row before |",
        "|---|---|---|---|---|---|",
    ]
    for age, (area, loss) in found.items():
        area_gain, loss_gain = ("-", "-")
        if age in older:
            area_gain, loss_gain = (told(one, "+") for one in found[age] - found[older[age]])
        share = f"{known[age]:.1%}"
        lines.append(
            f"| {age} | {share} | {told(area)} | {area_gain} | {told(loss)} | {loss_gain} |"
        )
    return "\n".join(lines)


def draw(path: Path, found: dict[str, dict[str, np.ndarray]]) -> None:
    """Plot the areas under the ROC curve against the age of features."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    seconds = [age.total_seconds() for age in AGES.values()]
    for label, question in QUESTIONS.items():
        areas = np.array([found[label][age][0] for age in AGES])
        low, high = np.percentile(areas[:, 1:], (2.5, 97.5), axis=1)
        errors = [areas[:, 0] - low, high - areas[:, 0]]
        axes.errorbar(seconds, areas[:, 0], errors, marker="o", capsize=3, label=question)
    axes.set_xscale("log")
    axes.set_xticks(seconds, list(AGES))
    axes.minorticks_off()
    axes.set_xlabel("age of features")
    axes.set_ylabel("area under the ROC curve")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    with matplotlib.rc_context({"svg.hashsalt": "ages"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print what models of each age come to, and plot it."""
    clicks = labelled()
    tables = {age: features(clicks, span) for age, span in AGES.items()}
    tables[WITHOUT] = tables["1s"].drop(columns=LAST_STEP)
    judges = clicks[clicks["later"]]
    # Two hours are longer than any visit.
    begun = {age: one["session_clicks.clicks_2h"] > 0 for age, one in tables.items()}
    known = {age: float(one[clicks["later"]].mean()) for age, one in begun.items()}
    _, users = np.unique(judges["user_id"], return_inverse=True)
    rng, size = np.random.default_rng(0), users.max() + 1
    drawn = [np.bincount(rng.integers(0, size, size), minlength=size) for _ in range(RESAMPLES)]
    weights = np.array([np.ones(size), *drawn])[:, users]
    print(
        f"{clicks['first'].sum():,} clicks to learn from, {len(judges):,} of {size} users to judge"
    )
    found: dict[str, dict[str, np.ndarray]] = {}
    for label, question in QUESTIONS.items():
        labels, share = judges[label].to_numpy(), clicks.loc[clicks["first"], label].mean()
        found[label] = {
            age: qualities(labels, scores(clicks, one, label), weights)
            for age, one in tables.items()
        }
        chance = qualities(labels, np.full(len(labels), share), weights)[1]
        print(f"\n{question} {labels.mean():.1%} of clicks; log loss of a share {told(chance)}\n")
        print(table(found[label], known))
    draw(Path(__file__).with_name("ages.svg"), found)


if __name__ == "__main__":
    main()
