"""The limits of a source's stream: what they are by default, and what is refused."""

import types
from datetime import datetime

import pytest

from slate import Entity, FeatureView, Source, arrival_time, count, event_time, unique_id
from slate.fingerprints import fingerprint
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


def limited(**settings: object) -> type[Source]:
    """A source with other settings."""
    body: dict[str, object] = {
        "model": "m",
        "stream": "wrongs",
        "event_id": unique_id(),
        "event_ts": event_time(),
        "received_at": arrival_time(),
        "__annotations__": {"event_id": str, "event_ts": datetime, "received_at": datetime},
        **settings,
    }
    made: type[Source] = types.new_class("Wrong", (Source,), exec_body=lambda it: it.update(body))
    return made


@wrong("Wrong.max_lag", "'a while' is not a duration", "'1h'")
def a_lag_that_is_no_duration() -> object:
    return limited(max_lag="a while")


@wrong("Wrong.max_lag = 60", "rename it")
def a_lag_that_is_a_number() -> object:
    return limited(max_lag=60)


@wrong("Wrong.max_dead_letters = -1", "0 or more")
def less_than_no_dead_letters() -> object:
    return limited(max_dead_letters=-1)


@wrong("Wrong.max_dead_letters = True", "0 or more")
def dead_letters_that_are_no_number() -> object:
    return limited(max_dead_letters=True)


@wrong("Wrong.max_lag", "stream = '...'", "take max_lag away")
def a_limit_without_a_stream() -> object:
    return limited(stream="", max_lag="1m")


@pytest.mark.parametrize(("define", "says"), wrong)
def test_wrong_limits_are_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


def test_limits_are_what_was_said_or_usual_ones() -> None:
    usual, said = limited(), limited(max_lag="5s", max_dead_letters=100)
    assert (usual.max_lag_us, usual.max_dead_letters) == (60_000_000, 0)
    assert (said.max_lag_us, said.max_dead_letters) == (5_000_000, 100)


def test_limits_change_no_values() -> None:
    class Thing(Entity):
        event_id: str

    def counted(wrong: type[Source]) -> str:
        class Things(FeatureView):
            entity, source = Thing, wrong
            number = count(over="1h")

        return fingerprint(Things)

    assert counted(limited()) == counted(limited(max_lag="5s", max_dead_letters=100))
