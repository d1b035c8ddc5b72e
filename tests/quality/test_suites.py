"""The suite of a view is derived from its definition alone."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_shopping import definitions
from slate import (
    FeatureView,
    Registry,
    count,
    feature,
    max,
    mean,
    min,
)
from slate.quality.engine import render, run
from slate.quality.expectations import Expectation
from slate.quality.invariants import nests
from slate.quality.suites import suite
from slate.windows import Window
from tests.quality.library import Loan, Member, MemberBranchLoans, MemberLoans, MemberProfile
from tests.quality.warehouse import AS_OF

VIEWS = Registry.from_module(definitions).views


def pairs(view: type[FeatureView]) -> set[tuple[str, ...]]:
    """The columns that a suite puts in order."""
    return {e.columns for e in suite(view) if e.kind == "ExpectColumnPairValuesAToBeGreaterThanB"}


@pytest.mark.parametrize("view", VIEWS.values())
def test_every_view_has_a_suite_that_great_expectations_takes(view: type[FeatureView]) -> None:
    expectations = suite(view, as_of=AS_OF)
    rendered = render(view.name, expectations)
    assert len(rendered.expectations) == len(expectations)
    assert {e.description for e in rendered.expectations} == {e.why for e in expectations}
    typed = {e.columns[0] for e in expectations if e.kind == "ExpectColumnTypeToBe"}
    assert typed == {*view.entity.keys, "event_ts", "as_of", *view.features}


@pytest.mark.process
def test_describing_needs_no_great_expectations() -> None:
    script = (
        "import sys; from slate.quality import failures, page, validations; "
        "from slate.quality.suites import suite; from tests.quality.library import MemberLoans; "
        "assert suite(MemberLoans); print(*{'great_expectations', 'pandas'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr


def test_times_are_compared_in_utc() -> None:
    elsewhere = AS_OF.replace(tzinfo=timezone(timedelta(hours=2)))
    bounds = {
        e.parameters["max_value"]
        for e in suite(MemberProfile, as_of=elsewhere)
        if e.columns == ("as_of",) and "max_value" in e.parameters
    }
    assert {bound.isoformat() for bound in bounds} == {"2026-05-01T10:00:00+00:00"}


def test_rows_may_be_of_any_age_unless_a_definition_says_otherwise() -> None:
    class Recent(FeatureView):
        entity, source, fresh_within = Member, Loan, "90m"
        loans = count(over="1d")

    def oldest(view: type[FeatureView], now: datetime | None) -> list[datetime]:
        expectations = suite(view, as_of=AS_OF, now=now)
        return [
            e.parameters["min_value"]
            for e in expectations
            if e.kind == "ExpectColumnMaxToBeBetween" and e.columns == ("event_ts",)
        ]

    for view in (MemberLoans, MemberProfile):
        assert not oldest(view, AS_OF + timedelta(days=5))
    assert oldest(Recent, AS_OF) == [datetime(2026, 5, 1, 10, 30, tzinfo=UTC)]
    assert not oldest(Recent, None)


def test_what_follows_from_the_aggregates() -> None:
    assert pairs(MemberProfile) == {("event_ts", "as_of")}
    assert pairs(MemberBranchLoans) == {("event_ts", "as_of"), ("loans_1h", "loans_1d")}
    assert pairs(MemberLoans) == {
        ("event_ts", "as_of"),
        ("loans_1h", "loans_1d"),
        ("least_days_1d", "usual_days_1d"),
        ("usual_days_1d", "most_days_1d"),
    }


def test_nothing_follows_from_aggregates_of_different_values() -> None:
    class Apart(FeatureView):
        entity, source = Member, Loan
        lowest = min(Loan.days, where=Loan.kind == "late", over="1d")
        middle = mean(Loan.days, over=["1h", "1d"])
        highest = max(Loan.days, over="1d", default=0)
        late = count(where=Loan.kind == "late", over="1h")
        early = count(where=Loan.kind == "early", over="1d")

    assert pairs(Apart) == {("event_ts", "as_of")}


def test_least_and_greatest_are_in_order_without_a_mean() -> None:
    class Ends(FeatureView):
        entity, source = Member, Loan
        first = min(Loan.event_ts, over="1d")
        final = max(Loan.event_ts, over="1d")

    assert ("first_1d", "final_1d") in pairs(Ends)


HOPS = st.sampled_from([1, 2, 4, 8])


@given(HOPS, st.integers(1, 12), HOPS, st.integers(1, 12))
def test_windows_nest_when_the_longer_never_starts_later(
    hop: int, hops: int, other_hop: int, other_hops: int
) -> None:
    shorter, longer = sorted(
        [Window("a", hop * hops, hop), Window("b", other_hop * other_hops, other_hop)],
        key=lambda window: window.length,
    )
    # Starts repeat with the larger hop, so these are all the ways in which the two can lie.
    never_later = all(longer.start(at) <= shorter.start(at) for at in range(200, 216))
    assert nests(longer, shorter) == never_later


def test_windows_that_do_not_nest_are_not_compared() -> None:
    class Close(FeatureView):
        entity, source = Member, Loan
        loans = count(over=["60m/30m", "70m/10m", "2h/30m"])

    assert pairs(Close) - {("event_ts", "as_of")} == {
        ("loans_60m", "loans_2h"),
        ("loans_70m", "loans_2h"),
    }


@pytest.mark.parametrize("tenths", range(10))
def test_a_share_of_nulls_may_be_reached(tenths: int) -> None:
    class Sparse(FeatureView):
        entity, model = Member, "sparse"
        score: float = feature(null_share=tenths / 10)

    (expectation,) = (e for e in suite(Sparse) if "mostly" in e.parameters)
    for nulls in (tenths, tenths + 1):
        table = pa.table({"score": pa.array([None] * nulls + [1.0] * (10 - nulls), pa.float64())})
        (outcome,) = run(table, [expectation])
        assert outcome.success == (outcome.unexpected == tenths)


def test_those_of_great_expectations_stay_what_they_are() -> None:
    """It keeps each by name, and warned in every run where ours took the names of its own."""
    from great_expectations import expectations
    from great_expectations.expectations.registry import get_expectation_impl

    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "ExpectColumnValuesToBeBetween": ("expect_column_values_to_be_between", {"min_value": 0}),
        "ExpectColumnValuesToBeInSet": ("expect_column_values_to_be_in_set", {"value_set": [1]}),
    }
    for name, (known, bounds) in kinds.items():
        made = render("made", [Expectation(name, ("a",), {"column": "a", **bounds}, "why")])
        (ours,) = made.expectations
        assert isinstance(ours, getattr(expectations, name))
        assert get_expectation_impl(known) is getattr(expectations, name)
        assert get_expectation_impl(ours.expectation_type) is type(ours)
