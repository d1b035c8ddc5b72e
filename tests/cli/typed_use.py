"""How a type checker takes the services of the marketplace: checked with all else, and never run.

Each line that is wrong says how, and a line that says so and is right is an error as well.
"""

from typing import assert_type

from slate.online import AsyncFeatureClient, FeatureClient, RemoteClient
from slate.online.typed import Booleans, Floats, Integers, Texts, Times
from tests.cli.features import AsyncFeatures, Features, ShowQualityAnswer


def right(client: FeatureClient | RemoteClient) -> None:
    """What may be asked."""
    features = Features(client)
    answer = features.feed_ranking(viewer_id="v1", show_id=["s1", "s2"], device="ios")
    assert_type(answer["viewer_activity.taps_1h"], Integers)
    assert_type(answer["show_catalog.start_price"], Floats)
    assert_type(answer["seller_profile.verified"], Booleans)
    assert_type(answer["viewer_activity.last_seen"], Times)
    assert_type(answer["show_catalog.status"], Texts)
    answer.matrix(names=["viewer_activity.taps_1h"])
    features.feed_ranking(viewer_id="v1")
    features.show_quality(show_id=answer["viewer_activity.last_show"])


def wrong(client: FeatureClient) -> None:
    """What may not."""
    features = Features(client)
    answer = features.feed_ranking(viewer_id="v1")
    answer["viewer_activity.tap_1h"]  # type: ignore[call-overload]
    answer.matrix(names=["show_catalog.status"])  # type: ignore[list-item]
    features.feed_ranking(show_id="s1")  # type: ignore[call-arg]
    features.show_quality()  # type: ignore[call-arg]
    features.feed_ranking(viewer_id=7)  # type: ignore[arg-type]
    features.feed_ranking(viewer_id="v1", device="phone")  # type: ignore[arg-type]
    features.feed_ranking(viewer_id="v1", colour="red")  # type: ignore[call-arg]
    features.feed_rankin(viewer_id="v1")  # type: ignore[attr-defined]
    AsyncFeatures(client)  # type: ignore[arg-type]


async def later(client: AsyncFeatureClient) -> None:
    """The same for tasks."""
    answer = await AsyncFeatures(client).show_quality(show_id="s1")
    assert_type(answer, ShowQualityAnswer)
