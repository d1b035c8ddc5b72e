"""Sections: one for each hour of arrival, of which those from some hour on count."""

import numpy as np
import pytest

from slate.online.rows.envelope import Opened
from slate.online.rows.hour_sections import (
    HourSections,
    Since,
    all_lost,
    newest,
    with_section,
)
from slate.online.rows.row_format import Blobs
from slate.windows import HOUR

EMPTY = np.array([0, 0], np.int64).tobytes()
LATE = 100 * HOUR


def row(*words: int) -> bytes:
    return np.array(words, np.int64).tobytes()


def opened(*values: bytes | None, damaged: tuple[int, ...] = ()) -> Opened:
    """Values as they come out of their envelopes."""
    held = [None if place in damaged else value for place, value in enumerate(values)]
    laid = Blobs.of([EMPTY, *(value or b"" for value in held)])
    there = np.array([value is not None for value in held])
    starts, ends = laid.starts[1:-1] * there, laid.starts[2:] * there
    return Opened(laid.words, starts, ends, dict.fromkeys(damaged, "its checksum is another"))


def first(hour: int, *words: int) -> bytes:
    """A value of one section."""
    return next(HourSections.of(opened(None), hour, 0).replaced([row(*words)]))


def section(value: bytes | None, hour: int) -> bytes | None:
    found = HourSections.of(opened(value), hour, 0)
    start, end = int(found.starts[0]), int(found.ends[0])
    return found.words[start:end].tobytes() if end else None


def test_a_section_is_found_and_replaced() -> None:
    value = first(7, 1, 2)
    assert section(value, 7) == row(1, 2)
    assert section(value, 8) is None
    assert section(None, 7) is None
    value = with_section(value, 7, row(3), 0)
    assert section(value, 7) == row(3)
    value = with_section(value, 9, row(4, 5, 6), 0)
    value = with_section(value, 8, row(7), 0)
    assert [section(value, hour) for hour in (7, 8, 9)] == [row(3), row(7), row(4, 5, 6)]
    assert newest(opened(None, value)).tolist() == [0, 9]


def test_what_is_not_needed_any_more_goes_when_the_value_is_written() -> None:
    value = with_section(first(7, 1), 8, row(2), 0)
    value = with_section(value, 9, row(3), 8)
    assert [section(value, hour) for hour in (7, 8, 9)] == [None, row(2), row(3)]


def read(found: Opened, since: int, at: int = LATE) -> list[list[tuple[int, int]]]:
    return [
        list(zip(found.words[starts].tolist(), keys.tolist(), strict=True))
        for starts, keys in Since(found, since, at).sections
        if len(keys)
    ]


def test_sections_are_opened_in_order_of_time() -> None:
    values = opened(with_section(first(9, 91, 92), 7, row(71), 0), None, first(8, 81))
    assert read(values, 0) == [[(71, 0), (81, 2)], [(91, 0)]]
    assert read(values, 8) == [[(81, 2)], [(91, 0)]]
    assert read(values, 10) == read(opened(None), 0) == []


def test_sections_end_at_the_hour_that_is_asked_about() -> None:
    values = opened(with_section(first(9, 91), 7, row(71), 0), first(8, 81))
    assert read(values, 0, 7 * HOUR) == []
    assert read(values, 0, 7 * HOUR + 1) == read(values, 0, 8 * HOUR) == [[(71, 0)]]
    assert read(values, 0, 9 * HOUR) == [[(71, 0), (81, 1)]]
    assert read(values, 0, 9 * HOUR + 1) == [[(71, 0), (81, 1)], [(91, 0)]]


def test_within_its_hour_a_section_tells_nothing_of_before_its_newest_event() -> None:
    known = 8 * HOUR + HOUR // 2
    value = with_section(first(7, 7, 8 * HOUR), 8, row(8, known), 0)
    values = opened(value, None, first(8, 8, known - HOUR // 4))

    def later(at: int) -> dict[int, int]:
        return Since(values, 0, at).later

    assert later(known) == {}
    assert later(known - 1) == {0: known}
    assert later(8 * HOUR + 1) == {0: known, 2: known - HOUR // 4}
    assert later(8 * HOUR) == {}, "what arrived from then on does not count at all"
    assert Since(values, 9, 8 * HOUR + 1).later == {}, "a batch knows it"


def test_sections_of_many_keys_are_read_and_replaced_together() -> None:
    values = [
        None,
        first(7, 71),
        first(8, 81),
        with_section(first(7, 72), 8, row(82, 83), 0),
        with_section(first(8, 84), 9, row(91), 0),
    ]
    for since in (0, 8):
        found = HourSections.of(opened(*values), 8, since)
        held = [
            found.words[start:end].tolist()
            for start, end in zip(found.starts, found.ends, strict=True)
        ]
        assert held == [[], [], [81], [82, 83], [84]]
        assert found.words[found.starts[:2]].tolist() == [0, 0]
        rows = [row(place, place) for place in range(5)]
        new = list(found.replaced(rows))
        assert new[0] == first(8, 0, 0)
        assert new[1:] == [
            with_section(value, 8, one, since)
            for value, one in zip(values[1:], rows[1:], strict=True)
            if value is not None
        ]
        assert [section(value, 8) for value in new] == rows
        assert section(new[1], 7) == (row(71) if since == 0 else None)
        assert section(new[4], 9) == row(91)


@pytest.mark.parametrize("hours", [[8], [8, 9], [9, 10, 11]])
def test_what_is_lost_stays_so_for_its_hour_and_what_comes_later_counts(hours: list[int]) -> None:
    value: bytes | None = b"damaged"
    for hour in hours:
        for _ in range(2):
            held = opened(value, damaged=(0,)) if value == b"damaged" else opened(value)
            found = HourSections.of(held, hour, 0)
            assert found.lost.tolist() == [hour == hours[0]]
            (value,) = found.replaced([row(hour)])
            if hour == hours[0]:
                assert value == all_lost(hour)
    held = opened(value, first(hours[0], 1))
    assert Since(held, hours[0], LATE).lost == {0}
    assert Since(held, hours[0] + 1, LATE).lost == set()
    assert [one for (one,) in read(held, hours[0] + 1)] == [(hour, 0) for hour in hours[1:]]
    assert Since(opened(b"damaged", None, damaged=(0,)), hours[-1] + 1, LATE).lost == {0}
