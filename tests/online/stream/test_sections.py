"""Sections: one for each hour of arrival, of which those from some hour on count."""

import numpy as np

from online.stream.sections import HourSections, newest, opened, with_section

EMPTY = np.array([0, 0], np.int64).tobytes()


def row(*words: int) -> bytes:
    return np.array(words, np.int64).tobytes()


def section(value: bytes | None, hour: int) -> bytes | None:
    found = HourSections.of([value], hour, 0, EMPTY)
    start, end = int(found.starts[0]), int(found.ends[0])
    return found.words[start:end].tobytes() if end else None


def test_a_section_is_found_and_replaced() -> None:
    value = with_section(None, 7, row(1, 2), 0)
    assert section(value, 7) == row(1, 2)
    assert section(value, 8) is None
    assert section(None, 7) is None
    value = with_section(value, 7, row(3), 0)
    assert section(value, 7) == row(3)
    value = with_section(value, 9, row(4, 5, 6), 0)
    value = with_section(value, 8, row(7), 0)
    assert [section(value, hour) for hour in (7, 8, 9)] == [row(3), row(7), row(4, 5, 6)]
    assert newest(value) == 9


def test_what_is_not_needed_any_more_goes_when_the_value_is_written() -> None:
    value = with_section(None, 7, row(1), 0)
    value = with_section(value, 8, row(2), 0)
    value = with_section(value, 9, row(3), 8)
    assert [section(value, hour) for hour in (7, 8, 9)] == [None, row(2), row(3)]


def test_sections_are_opened_in_order_of_time() -> None:
    one = with_section(with_section(None, 9, row(91, 92), 0), 7, row(71), 0)
    two = with_section(None, 8, row(81), 0)
    values = [one, None, two]

    def read(since: int) -> list[list[tuple[int, int]]]:
        return [
            list(zip(words[starts].tolist(), keys.tolist(), strict=True))
            for words, starts, keys in opened(values, since, EMPTY)
        ]

    assert read(0) == [[(71, 0), (81, 2)], [(91, 0)]]
    assert read(8) == [[(81, 2)], [(91, 0)]]
    assert read(10) == []
    assert list(opened([None], 0, EMPTY)) == []


def test_sections_of_many_keys_are_read_and_replaced_together() -> None:
    values = [
        None,
        with_section(None, 7, row(71), 0),
        with_section(None, 8, row(81), 0),
        with_section(with_section(None, 7, row(72), 0), 8, row(82, 83), 0),
        with_section(with_section(None, 8, row(84), 0), 9, row(91), 0),
    ]
    for since in (0, 8):
        found = HourSections.of(values, 8, since, EMPTY)
        held = [
            found.words[start:end].tolist()
            for start, end in zip(found.starts, found.ends, strict=True)
        ]
        assert held == [[], [], [81], [82, 83], [84]]
        assert found.words[found.starts[:2]].tolist() == [0, 0]
        rows = [row(place, place) for place in range(5)]
        new = list(found.replaced(rows))
        assert new == [
            with_section(value, 8, one, since) for value, one in zip(values, rows, strict=True)
        ]
        assert [section(value, 8) for value in new] == rows
        assert section(new[1], 7) == (row(71) if since == 0 else None)
        assert section(new[4], 9) == row(91)
