"""Distributions as they are shown: of many rows, and of nobody."""

import numpy as np
import pytest

from slate.assets.catalogue_site.spreads import OTHERS, bars, quantiles, shares, short
from slate.quality.distributions import Distribution, bounds_of, spread


def numbers(values: list[float]) -> Distribution:
    array = np.asarray(values, np.float64)
    return spread(array, bounds_of(array))


@pytest.mark.parametrize(
    "values",
    [
        [float(n) for n in range(1000)],
        [0.0] * 900 + [float(n) for n in range(1, 101)],
        [float(n % 4) for n in range(200)],
        [1.0] * 150,
        [2.0**n for n in range(100)],
    ],
    ids=["even", "mostly nought", "few values", "one value", "skewed"],
)
def test_bars_are_all_of_the_values(values: list[float]) -> None:
    found = bars(numbers(values))
    assert sum(bar.share for bar in found) == pytest.approx(1)
    assert all(bar.share >= 0 for bar in found)
    assert len(found) <= 14


def test_the_greatest_value_is_told_only_where_many_have_it() -> None:
    alone = numbers([float(n) for n in range(1000)])
    assert quantiles(alone) == pytest.approx((49, 249, 499, 749, 949), abs=1)
    assert not [bar for bar in bars(alone) if "999" in bar.label]
    many = numbers([0.0] * 140 + [1.0] * 60)
    assert quantiles(many) == (0, 0, 0, 1, 1)
    assert [(bar.label, bar.share) for bar in bars(many)] == [("≤ 0", 0.7), ("≤ 1", 0.3)]
    outlier = numbers([0.0] * 199 + [77.0])
    assert [bar.label for bar in bars(outlier)] == ["≤ 0", "> 0"]


def test_few_values_are_not_shown() -> None:
    few = numbers([float(n) for n in range(99)])
    assert (bars(few), quantiles(few)) == ([], ())
    few = Distribution(("a", "b"), (90, 9, 0))
    assert (bars(few), shares(few)) == ([], None)


def test_rare_categories_are_others() -> None:
    found = Distribution(("a", "b", "c"), (50, 4, 145, 1))
    assert shares(found) == {"c": 0.725, "a": 0.25, OTHERS: 0.025}
    assert [(bar.label, bar.share) for bar in bars(found)] == [
        ("c", 0.725),
        ("a", 0.25),
        (OTHERS, pytest.approx(0.025)),
    ]


def test_numbers_are_short() -> None:
    assert [short(n) for n in (0, 0.12345, -1500, 2_400_000, 5e12)] == [
        "0", "0.123", "-1.5k", "2.4M", "5e+12",
    ]  # fmt: skip
