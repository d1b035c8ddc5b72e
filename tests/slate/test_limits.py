"""What a definition allows of ages, refused rows and nulls, and how it is told what is wrong."""

import types
from datetime import datetime

import pytest

from slate import Entity, FeatureView, Source, arrival_time, event_time, unique_id
from slate.fingerprints import fingerprint
from tests.slate.wrong import Define, Wrong, check_refused

wrong = Wrong()


class Guest(Entity):
    guest_id: str


def source(**settings: object) -> type[Source]:
    """A source with other settings."""
    body: dict[str, object] = {
        "model": "m",
        "landing": "wrongs",
        "event_id": unique_id(),
        "event_ts": event_time(),
        "received_at": arrival_time(),
        "__annotations__": {"event_id": str, "event_ts": datetime, "received_at": datetime},
        **settings,
    }
    made: type[Source] = types.new_class("Wrong", (Source,), exec_body=lambda it: it.update(body))
    return made


def view(**settings: object) -> type[FeatureView]:
    """A view with other settings."""
    body = {"entity": Guest, "model": "m", "__annotations__": {"title": str}, **settings}
    made: type[FeatureView] = types.new_class(
        "Wrong", (FeatureView,), exec_body=lambda it: it.update(body)
    )
    return made


@wrong("Wrong.fresh_within", "'soon' is not a duration", "'1h'")
def an_age_that_is_not_a_duration() -> object:
    return source(fresh_within="soon")


@wrong("Wrong.fresh_within = 24", "rename it")
def an_age_that_is_a_number() -> object:
    return source(fresh_within=24)


@wrong("Wrong.fresh_within", "'24' is not a duration", "'1h'")
def an_age_of_a_view_without_a_unit() -> object:
    return view(fresh_within="24")


@wrong("Wrong.fresh_witin = '1d'", "There is an option 'fresh_within'")
def a_misspelt_setting_of_a_view() -> object:
    return view(fresh_witin="1d")


@wrong("Wrong.max_lga = '1m'", "There is an option 'max_lag'")
def a_misspelt_setting_of_a_source() -> object:
    return source(max_lga="1m")


@wrong("Wrong.max_refused = 50", "from 0 (none) to 1 (all of them)")
def a_share_in_percent() -> object:
    return source(max_refused=50)


@wrong("Wrong.max_refused = True", "from 0 (none) to 1 (all of them)")
def a_share_that_is_not_a_number() -> object:
    return source(max_refused=True)


@wrong("Wrong.max_refused", "landing = '...'", "take max_refused away")
def a_share_of_what_does_not_land() -> object:
    return source(landing="", max_refused=0.1)


@wrong("Wrong.max_null_shift = -0.1", "from 0 (none) to 1 (all of them)")
def a_shift_below_none() -> object:
    return view(max_null_shift=-0.1)


@wrong("Wrong.max_null_shift = 'a lot'", "from 0 (none) to 1 (all of them)")
def a_shift_in_words() -> object:
    return view(max_null_shift="a lot")


@pytest.mark.parametrize(("define", "says"), wrong)
def test_wrong_limits_are_refused(define: Define, says: tuple[str, ...]) -> None:
    check_refused(define, says)


def test_limits_are_what_was_said_or_usual_ones() -> None:
    usual, said = source(), source(fresh_within="90m", max_refused=0)
    assert (usual.fresh_within_us, usual.max_refused) == (None, 0.5)
    assert (said.fresh_within_us, said.max_refused) == (5_400_000_000, 0.0)
    usual_view, said_view = view(), view(fresh_within="1d", max_null_shift=1)
    assert (usual_view.fresh_within_us, usual_view.max_null_shift) == (None, 0.5)
    assert (said_view.fresh_within_us, said_view.max_null_shift) == (86_400_000_000, 1.0)


def test_limits_change_no_value() -> None:
    assert fingerprint(view()) == fingerprint(view(fresh_within="1d", max_null_shift=0.1))
