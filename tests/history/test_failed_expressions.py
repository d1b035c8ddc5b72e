"""Values held against what was served: null where an expression fails, batch by batch."""

# A resolver's name is annotated with what it gives, which is not what a type checker sees.
# mypy: disable-error-code="assignment"

from typing import Annotated

import numpy as np
import pyarrow as pa
import pytest

from slate import Array, RequestFeatures, request_input, resolver
from slate.errors import DataError
from slate.offline.frames import rows_of
from slate.offline.history import Question
from slate.offline.spines import spine_of
from slate.offline.values import Values
from slate.offline.warehouse import reading
from tests.deployments.bikes.definitions import StationProfile
from tests.history.conftest import Asked

pytestmark = pytest.mark.process
# As few rows as DuckDB hands over at once.
BATCH = 2_048


class Wary(RequestFeatures):
    number: int = request_input()

    @resolver
    def luck(numbers: Annotated[Array, number]) -> Annotated[Array, float]:
        if (numbers == 13).any():
            raise KeyError("thirteen")
        return numbers / 1


class Bold(RequestFeatures):
    twice: float = Wary.luck * 2


def test_each_batch_has_its_own_failures(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slate.offline.values.BATCH_ROWS", BATCH)
    numbers = np.arange(BATCH + 300) + 13
    rows = pa.table(
        {
            "station_id": np.ones(len(numbers), np.int64),
            "offered_at": pa.repeat(asked.rows["offered_at"][0], len(numbers)),
            "number": numbers,
        }
    )
    wanted = [StationProfile.docks, Wary.luck, Bold.twice]
    question = Question(asked.deployment, wanted, rows.column_names, "offered_at")
    spine = spine_of(question.plan, rows_of(rows), question.instants)

    def told(*, as_served: bool) -> pa.Table:
        with reading(asked.deployment) as connection:
            values = Values(asked.deployment, question.plan, connection)
            return values.of(spine, lambda _: None, as_served=as_served)

    found = told(as_served=True)
    luck = [None, *map(float, numbers[1:])]
    assert found["wary.luck"].to_pylist() == luck
    assert found["bold.twice"].to_pylist() == [n and 2 * n for n in luck]
    with pytest.raises(DataError, match=r"wary\.luck: its expression fails"):
        told(as_served=False)
