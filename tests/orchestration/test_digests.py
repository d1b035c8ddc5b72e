"""Digests: whether what is published has changed, but for the order in which it was added up."""

import math

import duckdb
import pytest

from slate.assets.publishing import digest
from tests.deployments.bikes.definitions import BikeProfile

VALUES = (0.0, 1.5, -7.25e12, 3.3e38, 5.2e38, -1e90, 1.7e308, 1e-44, -3e-200, math.inf, math.nan)


def digested(*values: float | None) -> str:
    with duckdb.connect() as connection:
        connection.execute("create table bike_profile_current (row bigint, value double)")
        rows = [[row, value] for row, value in enumerate(values)]
        connection.executemany("insert into bike_profile_current values (?, ?)", rows)
        return digest(connection, BikeProfile, rounded=True)


def test_any_float_has_a_digest() -> None:
    assert digested(*VALUES, None) == digested(*VALUES, None)


@pytest.mark.parametrize("value", [value for value in VALUES if math.isfinite(value) and value])
def test_other_digits_are_another_digest(value: float) -> None:
    assert digested(value) != digested(value * 0.99999)
    assert digested(value) != digested(-value)


def test_what_is_added_up_in_another_order_is_the_same() -> None:
    for value in (1.0, 2.0**130, 2.0**-130, 2.0**800):
        assert digested(value) == digested(math.nextafter(value, math.inf))
