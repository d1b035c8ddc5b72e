"""The ids that were seen: the same answers as a dictionary's."""

import numpy as np
import pytest

from slate.online.stream.applying.deduplication import SeenIds


def by_dictionary(ids: list[int], arrivals: list[int], horizon: int) -> list[bool]:
    latest: dict[int, int] = {}
    found = []
    for one, arrival in zip(ids, arrivals, strict=True):
        found.append(one not in latest or arrival - latest[one] > horizon)
        latest[one] = arrival
    return found


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(2, 5))]
)
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_same_as_a_dictionary(seed: int, batch: int) -> None:
    random = np.random.default_rng(seed)
    number = 300 if batch == 1 else 30_000
    ids = random.integers(0, number // 2, number).astype(np.uint64) << np.uint64(seed * 8)
    arrivals = np.cumsum(random.integers(0, 3, number))
    horizon = number // 3
    seen = SeenIds(horizon)
    found = np.concatenate(
        [
            seen.add(ids[start : start + batch], arrivals[start : start + batch])
            for start in range(0, number, batch)
        ]
    )
    assert found.tolist() == by_dictionary(
        np.where(ids == 0, 1, ids).tolist(), arrivals.tolist(), horizon
    )


def test_what_is_older_than_the_horizon_takes_no_room() -> None:
    seen = SeenIds(1000)
    for start in range(0, 1_000_000, 1000):
        seen.add(np.arange(start, start + 1000).astype(np.uint64), np.arange(start, start + 1000))
    assert len(seen) < 10_000


def test_ids_that_want_one_place_find_others() -> None:
    seen = SeenIds(10)
    ids = (np.arange(1, 500) << 40).astype(np.uint64)
    arrivals = np.zeros(len(ids), np.int64)
    assert seen.add(ids, arrivals).all()
    assert not seen.add(ids, arrivals).any()
