"""Drift of what is served against what was trained: what moved is found, and nothing else."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from slate.errors import DefinitionError
from slate.quality.training_drift import LEAST_VALUES, training_drift
from tests.online import arcade

NUMBER = "player_profile.level"
TEXT = "game_catalog.language"
TIME = "player_profile.joined_at"


def table(**columns: Any) -> pa.Table:
    return pa.table({name.replace("__", "."): values for name, values in columns.items()})


def drawn(seed: int, rows: int, shift: float = 0.0, nulls: float = 0.0) -> pa.Array:
    random = np.random.default_rng(seed)
    values = np.round(10 * random.normal(shift, 1, rows)).astype(np.int64)
    return pa.array(values, mask=random.random(rows) < nulls)


def test_what_moved_is_furthest() -> None:
    languages = pa.array(["en", "de"] * 5_000)
    trained = table(player_profile__level=drawn(0, 10_000), game_catalog__language=languages)
    same = table(player_profile__level=drawn(1, 10_000), game_catalog__language=languages)
    moved = table(
        player_profile__level=drawn(1, 10_000, shift=1.0, nulls=0.25),
        game_catalog__language=pa.array(["en", "de", "xx", "xx"] * 2_500),
    )
    found = training_drift(arcade.play_ranking, trained, same)
    assert set(found) == {NUMBER, TEXT}
    assert found[NUMBER].psi < 0.02
    assert found[TEXT].psi == 0
    found = training_drift(arcade.play_ranking, trained, moved)
    # A normal that moved by its own deviation is 1 apart; half of the texts are unknown.
    assert found[NUMBER].psi == pytest.approx(1, abs=0.2)
    assert found[TEXT].psi > 3
    assert list(found) == [TEXT, NUMBER]
    assert found[NUMBER].trained_nulls == 0
    assert found[NUMBER].served_nulls == pytest.approx(0.25, abs=0.02)


def test_what_cannot_be_compared_is_left_out() -> None:
    few = LEAST_VALUES - 1
    trained = table(player_profile__level=drawn(0, 1_000), game_catalog__language=["en"] * 1_000)
    served = table(
        player_profile__level=drawn(1, few),
        game_catalog__language=[None] * few,
        player_profile__joined_at=pa.nulls(few, pa.timestamp("us", "UTC")),
    )
    found = training_drift(arcade.play_ranking, trained, served)
    assert {name: one.move for name, one in found.items()} == {NUMBER: None, TEXT: None}
    assert found[TEXT].served_nulls == 1


def test_a_limit_that_is_none_is_refused() -> None:
    for wrong in (0, -1, True, float("inf"), "much"):
        with pytest.raises(DefinitionError, match="is not a population stability index"):
            arcade.like_play_ranking(max_drift=wrong)
