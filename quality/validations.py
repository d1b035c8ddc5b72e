"""Validation: a view's suite, run on its table."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from slate.compile.model_names import current_model
from slate.privacy import HIDDEN, hidden, is_personal
from slate.quality.acceptance import Acceptance
from slate.quality.batches import Batch, shares
from slate.quality.drift import numbers
from slate.quality.engine import Outcome, run, run_in_batches
from slate.quality.expectations import Expectation
from slate.quality.json_values import json_value
from slate.quality.limits import LIMITS, Limits
from slate.quality.moves import default_expectations, move_expectations, move_numbers, moves
from slate.quality.profiles import Profile, measure
from slate.quality.results import Result, Validation
from slate.quality.suites import comparable, suite
from slate.quality.tables import AS_OF, computed_once, newest_as_of, read, shape
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb


def validate(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    *,
    as_of: datetime | None = None,
    now: datetime | None = None,
    previous: Profile | None = None,
    batches: Sequence[Batch] = (),
    limits: Limits = LIMITS,
    known_since: datetime | None = None,
    accepted: Acceptance | None = None,
) -> Validation:
    """Run a view's suite on its table.

    Args:
        view: the view.
        connection: to the warehouse.
        as_of: the instant that the table must have been built as of; by default the newest one
            that is in the table.
        now: what the platform's clock says; without it, rows may be of any age.
        previous: the profile of the last good run, if there is one.
        batches: what landed since then of the sources that the view is made of.
        limits: how much may change between runs.
        known_since: when the first of the source's events arrived; windows that began before it
            are not compared.
        accepted: lets what the last good run was otherwise in be a warning.

    Raises:
        DataError: there is no such table, or it lacks a column.
    """
    if previous is not None and not comparable(view, previous):
        previous = None
    empty = shape(view, connection)
    with computed_once(view, connection):
        if as_of is None and empty.schema.field(AS_OF).type == pa.timestamp("us"):
            as_of = newest_as_of(view, connection)
        expectations = suite(
            view, as_of=as_of, now=now, previous=previous, batches=batches, limits=limits
        )
        on_shape = [e for e in expectations if e.subject == "shape"]
        outcomes = run(empty, on_shape)
        mistyped = frozenset(
            name
            for expectation, outcome in zip(on_shape, outcomes, strict=True)
            if not outcome.success
            for name in expectation.columns
        )
        profile, found = measure(view, connection, mistyped), {}
        if previous is not None:
            found = moves(view, connection, previous, known_since, mistyped)
            expectations += (
                *move_expectations(view, found, previous),
                *default_expectations(view, profile, previous, known_since),
            )
        on_rows, on_profile = (
            [
                e
                for e in _accepted(expectations, accepted)
                if e.subject == subject
                and mistyped.isdisjoint(e.columns)
                and (profile.rows or not e.columns)
            ]
            for subject in ("rows", "profile")
        )
        rows = read(view, connection, (sql for e in on_rows for sql in e.computed))
    outcomes += run_in_batches(rows, on_rows)
    measured = numbers(profile) | shares(batches) | move_numbers(found)
    one_row = {name: pa.array([value], pa.float64()) for name, value in measured.items()}
    outcomes += run(pa.table(one_row), on_profile)
    keys = tuple(view.entity.keys)
    hides = {name for name, feature in view.features.items() if is_personal(feature)}
    results = tuple(
        _result(expectation, outcome, rows, keys, hides)
        for expectation, outcome in zip(on_shape + on_rows + on_profile, outcomes, strict=True)
    )
    return Validation(
        view.name, current_model(view), keys, results, profile, previous, found, accepted
    )


def _accepted(
    expectations: Sequence[Expectation], accepted: Acceptance | None
) -> tuple[Expectation, ...]:
    """Expectations, where a change is meant with warnings of it in place of what holds back."""
    return tuple(
        replace(e, severity="warning") if accepted is not None and e.compared else e
        for e in expectations
    )


def _result(
    expectation: Expectation,
    outcome: Outcome,
    rows: pa.Table,
    keys: tuple[str, ...],
    hides: Set[str],
) -> Result:
    columns = list(dict.fromkeys((*keys, *expectation.columns)))
    examples = rows.select(columns).take(pa.array(outcome.positions, pa.int64()))
    is_hidden = outcome.observed is not None and not hides.isdisjoint(expectation.columns)
    return Result(
        expectation,
        outcome.success,
        HIDDEN if is_hidden and expectation.subject == "rows" else outcome.observed,
        outcome.unexpected,
        outcome.unexpected / max(rows.num_rows, 1),
        tuple(hidden(example, hides) for example in json_value(examples.to_pylist())),
    )
