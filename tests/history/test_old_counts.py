"""Features with counts of other instants, which the proof of what freshness pays is made of."""

from datetime import timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import slate
from live_shopping.proof.old_counts import OldCounts
from slate.features import Aggregated, Attribute, Computed
from tests.history.conftest import Asked, alike

pytestmark = pytest.mark.process
AT = "offered_at"


def test_counts_alone_are_old(asked: Asked) -> None:
    counted = partial(slate.history, at=AT, deployment=asked.deployment)
    rows = OldCounts(asked.deployment, asked.plan, asked.rows, AT)
    of_now = rows.of(timedelta(0), counted).select(asked.names)
    assert alike(of_now, asked.values)
    age = timedelta(hours=9)
    old = rows.of(age, counted)
    then = pc.subtract(asked.rows[AT], pa.scalar(age, pa.duration("us")))
    earlier = asked.rows.set_column(asked.rows.column_names.index(AT), AT, then)
    whole_then = asked.history(earlier, at=AT)
    features = asked.plan.service.features
    changed = set[type]()
    for feature in features:
        name, by = feature.name, type(feature)
        if not alike(old.select([name]), asked.values.select([name])):
            changed.add(by)
        if isinstance(feature, Attribute):
            assert alike(old.select([name]), asked.values.select([name])), name
        elif isinstance(feature, Aggregated) and asked.plan.read(feature.view).round == 0:
            # By keys that the request brought, which are those of then too.
            assert alike(old.select([name]), whole_then.select([name])), name
    assert changed == {Aggregated, Computed}, "what is computed of counts is of old ones"


def test_what_is_taken_for_counts_is_computed_with(asked: Asked) -> None:
    counted = partial(slate.history, at=AT, deployment=asked.deployment)
    rows = OldCounts(asked.deployment, asked.plan, asked.rows, AT)

    def nobody_was_anywhere(counts: dict[str, pa.Array]) -> dict[str, pa.Array]:
        stations = {n: v for n, v in counts.items() if "rider_rides.recent_stations" in n}
        return counts | {n: pa.array([[]] * len(v), v.type) for n, v in stations.items()}

    found = rows.as_of(asked.rows[AT], counted, nobody_was_anywhere)
    assert set(found["offer_request.been_here"].to_pylist()) == {False}
    assert True in asked.values["offer_request.been_here"].to_pylist()
