"""Windows, their hops, and the sizes of tile that pay for them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slate.errors import DefinitionError
from slate.windows import (
    FEWEST_HOPS,
    LADDER,
    MOST_HOPS,
    SECOND,
    Window,
    duration,
    duration_name,
    levels,
    window,
)

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
WINDOWS = st.builds(
    lambda hop, hops: Window("w", hop * hops, hop),
    st.sampled_from([1, 5, 7, 60, 540, 86_400]).map(lambda seconds: seconds * SECOND),
    st.integers(1, 500),
)
INSTANTS = st.integers(0, 2**52)


@given(number=st.integers(1, 10**4), unit=st.sampled_from([*UNITS]))
def test_a_duration_is_a_number_and_a_unit(number: int, unit: str) -> None:
    assert duration(f"{number}{unit}", "here") == number * UNITS[unit] * SECOND


@given(seconds=st.integers(1, 10**7))
def test_a_duration_is_named_so_that_it_can_be_read_again(seconds: int) -> None:
    assert duration(duration_name(seconds * SECOND), "here") == seconds * SECOND


@pytest.mark.parametrize(
    "text", ["", "1", "h", "0h", "-1h", "1.5h", "1 h", " 1h", "1H", "1w", "1h "]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(DefinitionError, match="not a duration"):
        duration(text, "here")


@given(window=WINDOWS, at=INSTANTS)
def test_a_window_begins_at_a_hop_no_more_than_one_hop_early(window: Window, at: int) -> None:
    start = window.start(at)
    assert start % window.hop == 0
    assert at - window.length - window.hop < start <= at - window.length


@given(window=WINDOWS, at=INSTANTS)
def test_the_tail_moves_in_hops(window: Window, at: int) -> None:
    edge = window.start(at) + window.length
    assert window.start(edge) == window.start(at)
    assert window.start(edge + window.hop - 1) == window.start(at)
    assert window.start(edge + window.hop) == window.start(at) + window.hop
    assert window.start(edge - 1) == window.start(at) - window.hop


@given(number=st.integers(1, 2_000), unit=st.sampled_from([*UNITS]))
def test_a_default_hop_divides_its_window_into_twelve_or_more(number: int, unit: str) -> None:
    length = number * UNITS[unit] * SECOND
    fitting = [hop for hop in LADDER if length % hop == 0 and length // hop >= FEWEST_HOPS]
    if not fitting:
        with pytest.raises(DefinitionError, match="no usual hop"):
            window(f"{number}{unit}", "here")
        return
    found = window(f"{number}{unit}", "here")
    assert (found.length, found.hop) == (length, max(fitting))


@pytest.mark.parametrize(
    ("text", "hops", "instead"),
    [
        ("7d/1s", "604,800", "7d/1m"),
        ("8d/1m", "11,520", "8d/5m"),
        ("10081s/1s", "10,081", "10081s/17s"),
        ("11000d", "11,000", "11000d/1584m"),
    ],
)
def test_too_many_hops_are_refused_with_what_would_do(text: str, hops: str, instead: str) -> None:
    with pytest.raises(DefinitionError) as error:
        window(text, "View.count(over=...)")
    assert hops in str(error.value)
    assert "10,080 are the most" in str(error.value)
    assert instead in str(error.value)
    assert window(instead, "here").hops <= MOST_HOPS


@pytest.mark.parametrize("text", ["7d/1m", "10080s/1s", "10080d/1d"])
def test_the_most_hops(text: str) -> None:
    assert window(text, "here").hops == MOST_HOPS


@pytest.mark.parametrize(
    ("text", "length", "hop"),
    [
        ("1m", 60, 5),
        ("10m", 600, 30),
        ("1h", 3_600, 300),
        ("1d", 86_400, 3_600),
        ("7d", 604_800, 21_600),
        ("30d", 2_592_000, 86_400),
        ("45s/15s", 45, 15),
        ("2h/10m", 7_200, 600),
        ("3m/3m", 180, 180),
    ],
)
def test_windows_as_they_are_written(text: str, length: int, hop: int) -> None:
    assert window(text, "here") == Window(text.split("/")[0], length * SECOND, hop * SECOND)


@pytest.mark.parametrize("text", ["1h/7m", "1h/2h", "/1m", "1h/0m", "1h/1m/1s", "7s"])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(DefinitionError, match="here"):
        window(text, "here")


def test_default_hops_of_usual_windows_nest() -> None:
    assert all(large % small == 0 for small, large in pairwise(LADDER))


@given(windows=st.sets(WINDOWS, min_size=1, max_size=4))
def test_each_level_divides_the_next(windows: set[Window]) -> None:
    hops = sorted({window.hop for window in windows})
    nest = all(large % small == 0 for small, large in pairwise(hops))
    if not nest:
        with pytest.raises(DefinitionError, match="do not nest"):
            levels(windows, "here")
        return
    found = levels(windows, "here")
    assert set(hops) <= set(found)
    assert list(found) == sorted(found)
    assert all(large % small == 0 for small, large in pairwise(found))


def test_a_view_of_usual_windows_steps_down_by_sixty_at_most() -> None:
    windows = {window(text, "here") for text in ("10m", "1h", "1d", "30d")}
    assert [level // SECOND for level in levels(windows, "here")] == [30, 300, 3_600, 86_400]
