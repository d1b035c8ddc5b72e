"""What is tagged pii, and what of it is: adding the tag changes the meaning of nothing."""

from datetime import datetime
from typing import Any

import pytest

from slate import (
    Entity,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    column,
    count,
    event_time,
    feature,
    last,
    max,
    unique_id,
)
from slate.errors import DefinitionError
from slate.fingerprints import fingerprint
from slate.online.stream.events.block_schemas import block_schema, digest
from slate.privacy import is_personal, personal, personal_columns


def defined(tags: tuple[str, ...]) -> dict[str, Any]:
    """A deployment whose columns and features have these tags, or none."""

    class Guest(Entity):
        guest_id: str

    class Stay(Source):
        model, landing, stream = "stg_stays", "stays", "stays"
        stay_id: str = unique_id()
        event_ts: datetime = event_time()
        received_at: datetime = arrival_time()
        guest_id: str
        email: str | None = column(tags=tags)
        price: float = column(min=0)
        domain = email == "a@b.org"

    class GuestStays(FeatureView):
        entity, source = Guest, Stay
        stays = count(where=Stay.email == "a@b.org", over="1d")
        email = last(Stay.email)
        at_home = last(Stay.domain, default=False)
        dearest = max(Stay.price, over="1d")

    class GuestProfile(FeatureView):
        entity, model = Guest, "guest_profile"
        phone: str = feature(tags=tags)
        plan: str

    class Now(RequestFeatures):
        known: bool = GuestProfile.phone != "none"

    return vars() | {"tags": tags}


def test_values_of_what_is_tagged_are_personal_and_what_is_computed_of_it_is_not() -> None:
    found = defined(("pii",))
    assert personal_columns(found["Stay"]) == {"email"}
    views = (found["GuestStays"], found["GuestProfile"], found["Now"])
    features = [feature for view in views for feature in view.features.values()]
    assert personal(features) == {
        "guest_stays.email", "guest_stays.at_home", "guest_profile.phone",
    }  # fmt: skip


def test_of_a_view_that_is_tagged_all_is_personal() -> None:
    class Guest(Entity):
        guest_id: str

    class GuestProfile(FeatureView):
        entity, model, tags = Guest, "guest_profile", ["pii"]
        plan: str

    assert is_personal(GuestProfile.features["plan"])


def test_the_tag_is_no_part_of_the_meaning() -> None:
    one, other = defined(()), defined(("pii",))
    for view in ("GuestStays", "GuestProfile", "Now"):
        assert fingerprint(one[view]) == fingerprint(other[view])
    # Nor of what is written to streams.
    schemas = [digest(block_schema(found["Stay"])) for found in (one, other)]
    assert schemas[0] == schemas[1]


def test_tags_are_a_list() -> None:
    with pytest.raises(DefinitionError, match="is not a list"):

        class Stay(Source):
            model = "stg_stays"
            stay_id: str = unique_id()
            event_ts: datetime = event_time()
            received_at: datetime = arrival_time()
            email: str = column(tags="pii")
