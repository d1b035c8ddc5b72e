"""The services of live_shopping with their types, for editors and type checkers.

Written by `slate stubs`; `slate stubs --check` tells whether the definitions have changed since.
"""

# ruff: noqa
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt

from slate.online.typed import (
    Answer,
    AsyncClient,
    Booleans,
    Client,
    Floats,
    Given,
    Integers,
    Moment,
    Texts,
    Times,
    told,
)


FeedRankingTexts: TypeAlias = Literal[
    "viewer_profile.country",
    "viewer_profile.language",
    "viewer_profile.interests",
    "viewer_activity.last_show",
    "viewer_activity.recent_shows",
    "viewer_activity.last_category",
    "show_catalog.category",
    "show_catalog.status",
    "feed_request.device",
]
FeedRankingTimes: TypeAlias = Literal[
    "viewer_profile.signed_up_at",
    "viewer_activity.last_seen",
    "show_activity.last_bid_at_1h",
    "viewer_seller_history.last_seen",
    "viewer_category_taste.last_tap_1d",
]
FeedRankingBooleans: TypeAlias = Literal[
    "viewer_profile.push_enabled",
    "seller_profile.verified",
    "feed_request.on_phone",
    "feed_request.is_live",
    "feed_request.same_category",
    "feed_request.told_interest",
    "feed_request.own_language",
    "feed_request.own_country",
]
FeedRankingIntegers: TypeAlias = Literal[
    "viewer_activity.views_10m",
    "viewer_activity.views_1h",
    "viewer_activity.views_1d",
    "viewer_activity.views_30d",
    "viewer_activity.taps_1m",
    "viewer_activity.taps_10m",
    "viewer_activity.taps_1h",
    "viewer_activity.taps_1d",
    "viewer_activity.taps_30d",
    "viewer_activity.chats_10m",
    "viewer_activity.chats_1h",
    "viewer_activity.chats_1d",
    "viewer_activity.bids_10m",
    "viewer_activity.bids_1h",
    "viewer_activity.bids_1d",
    "viewer_activity.bids_30d",
    "viewer_activity.orders_1h",
    "viewer_activity.orders_1d",
    "viewer_activity.orders_30d",
    "viewer_activity.follows_1d",
    "viewer_activity.follows_30d",
    "show_activity.views_10m",
    "show_activity.views_1h",
    "show_activity.views_1d",
    "show_activity.taps_1m",
    "show_activity.taps_10m",
    "show_activity.taps_1h",
    "show_activity.taps_1d",
    "show_activity.chats_10m",
    "show_activity.chats_1h",
    "show_activity.bids_10m",
    "show_activity.bids_1h",
    "show_activity.bids_1d",
    "show_activity.orders_10m",
    "show_activity.orders_1h",
    "show_activity.orders_1d",
    "show_activity.follows_1h",
    "show_activity.shares_1h",
    "seller_profile.followers",
    "seller_stats.views_1h",
    "seller_stats.views_1d",
    "seller_stats.views_30d",
    "seller_stats.taps_1h",
    "seller_stats.taps_1d",
    "seller_stats.taps_30d",
    "seller_stats.bids_1h",
    "seller_stats.bids_1d",
    "seller_stats.orders_1h",
    "seller_stats.orders_1d",
    "seller_stats.orders_30d",
    "seller_stats.follows_1d",
    "seller_stats.follows_30d",
    "viewer_seller_history.views_1d",
    "viewer_seller_history.views_30d",
    "viewer_seller_history.taps_1h",
    "viewer_seller_history.taps_1d",
    "viewer_seller_history.taps_30d",
    "viewer_seller_history.orders_1d",
    "viewer_seller_history.orders_30d",
    "viewer_seller_history.follows_30d",
    "viewer_category_taste.views_10m",
    "viewer_category_taste.views_1h",
    "viewer_category_taste.views_1d",
    "viewer_category_taste.views_30d",
    "viewer_category_taste.taps_10m",
    "viewer_category_taste.taps_1h",
    "viewer_category_taste.taps_1d",
    "viewer_category_taste.taps_30d",
    "viewer_category_taste.bids_1h",
    "viewer_category_taste.bids_30d",
    "viewer_category_taste.orders_1d",
    "viewer_category_taste.orders_30d",
]
FeedRankingFloats: TypeAlias = Literal[
    "viewer_activity.watched_10m",
    "viewer_activity.watched_1h",
    "viewer_activity.watched_1d",
    "viewer_activity.watched_30d",
    "viewer_activity.longest_watch_1h",
    "viewer_activity.longest_watch_1d",
    "viewer_activity.spend_1d",
    "viewer_activity.spend_30d",
    "viewer_activity.usual_bid_1d",
    "viewer_activity.usual_bid_30d",
    "viewer_activity.bid_spread_30d",
    "show_catalog.start_price",
    "show_activity.sales_10m",
    "show_activity.sales_1h",
    "show_activity.sales_1d",
    "show_activity.watched_10m",
    "show_activity.watched_1h",
    "show_activity.usual_watch_10m",
    "show_activity.usual_watch_1h",
    "show_activity.usual_price_1h",
    "show_activity.usual_price_1d",
    "show_activity.price_spread_1d",
    "show_activity.lowest_price_1h",
    "show_activity.lowest_price_1d",
    "show_activity.highest_bid_10m",
    "show_activity.highest_bid_1h",
    "show_activity.last_price",
    "seller_profile.rating",
    "seller_stats.sales_1h",
    "seller_stats.sales_1d",
    "seller_stats.sales_30d",
    "seller_stats.usual_price_30d",
    "seller_stats.highest_price_30d",
    "seller_stats.usual_watch_1d",
    "seller_stats.usual_watch_30d",
    "viewer_seller_history.spend_30d",
    "viewer_seller_history.watched_1h",
    "viewer_seller_history.watched_1d",
    "viewer_seller_history.watched_30d",
    "viewer_category_taste.watched_10m",
    "viewer_category_taste.watched_1h",
    "viewer_category_taste.watched_30d",
    "viewer_category_taste.usual_price_30d",
    "feed_request.hour",
    "feed_request.minutes_live",
    "feed_request.minutes_to_start",
    "feed_request.account_days",
    "feed_request.seller_days",
    "feed_request.idle_minutes",
    "feed_request.since_seller_minutes",
    "feed_request.since_tap_minutes",
    "feed_request.usual_price",
    "feed_request.price_gap",
    "feed_request.show_tap_rate",
    "feed_request.seller_tap_rate",
    "feed_request.seller_order_rate",
    "feed_request.order_momentum",
    "feed_request.mood",
    "feed_request.taste",
    "feed_request.drift",
    "feed_request.heat",
]
FeedRankingNumbers: TypeAlias = Literal[
    "viewer_profile.push_enabled",
    "viewer_activity.views_10m",
    "viewer_activity.views_1h",
    "viewer_activity.views_1d",
    "viewer_activity.views_30d",
    "viewer_activity.taps_1m",
    "viewer_activity.taps_10m",
    "viewer_activity.taps_1h",
    "viewer_activity.taps_1d",
    "viewer_activity.taps_30d",
    "viewer_activity.chats_10m",
    "viewer_activity.chats_1h",
    "viewer_activity.chats_1d",
    "viewer_activity.bids_10m",
    "viewer_activity.bids_1h",
    "viewer_activity.bids_1d",
    "viewer_activity.bids_30d",
    "viewer_activity.orders_1h",
    "viewer_activity.orders_1d",
    "viewer_activity.orders_30d",
    "viewer_activity.follows_1d",
    "viewer_activity.follows_30d",
    "viewer_activity.watched_10m",
    "viewer_activity.watched_1h",
    "viewer_activity.watched_1d",
    "viewer_activity.watched_30d",
    "viewer_activity.longest_watch_1h",
    "viewer_activity.longest_watch_1d",
    "viewer_activity.spend_1d",
    "viewer_activity.spend_30d",
    "viewer_activity.usual_bid_1d",
    "viewer_activity.usual_bid_30d",
    "viewer_activity.bid_spread_30d",
    "show_catalog.start_price",
    "show_activity.views_10m",
    "show_activity.views_1h",
    "show_activity.views_1d",
    "show_activity.taps_1m",
    "show_activity.taps_10m",
    "show_activity.taps_1h",
    "show_activity.taps_1d",
    "show_activity.chats_10m",
    "show_activity.chats_1h",
    "show_activity.bids_10m",
    "show_activity.bids_1h",
    "show_activity.bids_1d",
    "show_activity.orders_10m",
    "show_activity.orders_1h",
    "show_activity.orders_1d",
    "show_activity.follows_1h",
    "show_activity.shares_1h",
    "show_activity.sales_10m",
    "show_activity.sales_1h",
    "show_activity.sales_1d",
    "show_activity.watched_10m",
    "show_activity.watched_1h",
    "show_activity.usual_watch_10m",
    "show_activity.usual_watch_1h",
    "show_activity.usual_price_1h",
    "show_activity.usual_price_1d",
    "show_activity.price_spread_1d",
    "show_activity.lowest_price_1h",
    "show_activity.lowest_price_1d",
    "show_activity.highest_bid_10m",
    "show_activity.highest_bid_1h",
    "show_activity.last_price",
    "seller_profile.rating",
    "seller_profile.verified",
    "seller_profile.followers",
    "seller_stats.views_1h",
    "seller_stats.views_1d",
    "seller_stats.views_30d",
    "seller_stats.taps_1h",
    "seller_stats.taps_1d",
    "seller_stats.taps_30d",
    "seller_stats.bids_1h",
    "seller_stats.bids_1d",
    "seller_stats.orders_1h",
    "seller_stats.orders_1d",
    "seller_stats.orders_30d",
    "seller_stats.follows_1d",
    "seller_stats.follows_30d",
    "seller_stats.sales_1h",
    "seller_stats.sales_1d",
    "seller_stats.sales_30d",
    "seller_stats.usual_price_30d",
    "seller_stats.highest_price_30d",
    "seller_stats.usual_watch_1d",
    "seller_stats.usual_watch_30d",
    "viewer_seller_history.views_1d",
    "viewer_seller_history.views_30d",
    "viewer_seller_history.taps_1h",
    "viewer_seller_history.taps_1d",
    "viewer_seller_history.taps_30d",
    "viewer_seller_history.orders_1d",
    "viewer_seller_history.orders_30d",
    "viewer_seller_history.follows_30d",
    "viewer_seller_history.spend_30d",
    "viewer_seller_history.watched_1h",
    "viewer_seller_history.watched_1d",
    "viewer_seller_history.watched_30d",
    "viewer_category_taste.views_10m",
    "viewer_category_taste.views_1h",
    "viewer_category_taste.views_1d",
    "viewer_category_taste.views_30d",
    "viewer_category_taste.taps_10m",
    "viewer_category_taste.taps_1h",
    "viewer_category_taste.taps_1d",
    "viewer_category_taste.taps_30d",
    "viewer_category_taste.bids_1h",
    "viewer_category_taste.bids_30d",
    "viewer_category_taste.orders_1d",
    "viewer_category_taste.orders_30d",
    "viewer_category_taste.watched_10m",
    "viewer_category_taste.watched_1h",
    "viewer_category_taste.watched_30d",
    "viewer_category_taste.usual_price_30d",
    "feed_request.on_phone",
    "feed_request.hour",
    "feed_request.minutes_live",
    "feed_request.minutes_to_start",
    "feed_request.is_live",
    "feed_request.account_days",
    "feed_request.seller_days",
    "feed_request.idle_minutes",
    "feed_request.since_seller_minutes",
    "feed_request.since_tap_minutes",
    "feed_request.usual_price",
    "feed_request.price_gap",
    "feed_request.show_tap_rate",
    "feed_request.seller_tap_rate",
    "feed_request.seller_order_rate",
    "feed_request.order_momentum",
    "feed_request.mood",
    "feed_request.taste",
    "feed_request.drift",
    "feed_request.same_category",
    "feed_request.told_interest",
    "feed_request.own_language",
    "feed_request.own_country",
    "feed_request.heat",
]


class FeedRankingAnswer(Answer):
    """The values of feed_ranking_v1."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __getitem__(self, name: FeedRankingTexts) -> Texts: ...
        @overload
        def __getitem__(self, name: FeedRankingTimes) -> Times: ...
        @overload
        def __getitem__(self, name: FeedRankingBooleans) -> Booleans: ...
        @overload
        def __getitem__(self, name: FeedRankingIntegers) -> Integers: ...
        @overload
        def __getitem__(self, name: FeedRankingFloats) -> Floats: ...
        def __getitem__(self, name: Any) -> Any: ...

        def matrix(  # type: ignore[override]
            self,
            dtype: npt.DTypeLike = np.float32,
            *,
            names: Iterable[FeedRankingNumbers] | None = None,
        ) -> np.ndarray[Any, Any]: ...


OrderRiskTexts: TypeAlias = Literal[
    "viewer_profile.country",
    "viewer_orders.last_address",
    "seller_profile.country",
]
OrderRiskIntegers: TypeAlias = Literal[
    "viewer_orders.orders_10m",
    "viewer_orders.orders_1h",
    "viewer_orders.orders_1d",
    "viewer_orders.orders_30d",
    "viewer_orders.sellers_1h",
    "viewer_orders.sellers_30d",
    "viewer_orders.devices_1d",
    "viewer_orders.devices_30d",
    "viewer_orders.addresses_1d",
    "viewer_orders.addresses_30d",
    "device_orders.orders_10m",
    "device_orders.orders_1h",
    "device_orders.orders_1d",
    "device_orders.accounts_1h",
    "device_orders.accounts_1d",
    "device_orders.accounts_30d",
    "device_orders.addresses_1d",
    "address_orders.orders_1h",
    "address_orders.orders_1d",
    "address_orders.orders_30d",
    "address_orders.accounts_1h",
    "address_orders.accounts_1d",
    "address_orders.accounts_30d",
    "seller_orders.orders_10m",
    "seller_orders.orders_1h",
    "seller_orders.orders_1d",
    "seller_orders.buyers_1h",
    "seller_orders.buyers_1d",
    "order_request.shared",
]
OrderRiskFloats: TypeAlias = Literal[
    "viewer_orders.spend_1h",
    "viewer_orders.spend_1d",
    "viewer_orders.spend_30d",
    "viewer_orders.usual_price_30d",
    "viewer_orders.highest_price_30d",
    "device_orders.spend_1h",
    "device_orders.spend_1d",
    "address_orders.spend_1d",
    "seller_profile.rating",
    "seller_orders.usual_price_30d",
    "order_request.price",
    "order_request.account_hours",
    "order_request.seller_days",
    "order_request.since_first_order_hours",
    "order_request.minutes_watched_1d",
    "order_request.above_usual",
    "order_request.above_sellers_usual",
    "order_request.burst",
]
OrderRiskTimes: TypeAlias = Literal["viewer_orders.first_order_forever"]
OrderRiskBooleans: TypeAlias = Literal[
    "seller_profile.verified",
    "order_request.first_order",
    "order_request.new_on_new",
    "order_request.without_watching",
]
OrderRiskNumbers: TypeAlias = Literal[
    "viewer_orders.orders_10m",
    "viewer_orders.orders_1h",
    "viewer_orders.orders_1d",
    "viewer_orders.orders_30d",
    "viewer_orders.spend_1h",
    "viewer_orders.spend_1d",
    "viewer_orders.spend_30d",
    "viewer_orders.usual_price_30d",
    "viewer_orders.highest_price_30d",
    "viewer_orders.sellers_1h",
    "viewer_orders.sellers_30d",
    "viewer_orders.devices_1d",
    "viewer_orders.devices_30d",
    "viewer_orders.addresses_1d",
    "viewer_orders.addresses_30d",
    "device_orders.orders_10m",
    "device_orders.orders_1h",
    "device_orders.orders_1d",
    "device_orders.spend_1h",
    "device_orders.spend_1d",
    "device_orders.accounts_1h",
    "device_orders.accounts_1d",
    "device_orders.accounts_30d",
    "device_orders.addresses_1d",
    "address_orders.orders_1h",
    "address_orders.orders_1d",
    "address_orders.orders_30d",
    "address_orders.spend_1d",
    "address_orders.accounts_1h",
    "address_orders.accounts_1d",
    "address_orders.accounts_30d",
    "seller_profile.rating",
    "seller_profile.verified",
    "seller_orders.orders_10m",
    "seller_orders.orders_1h",
    "seller_orders.orders_1d",
    "seller_orders.buyers_1h",
    "seller_orders.buyers_1d",
    "seller_orders.usual_price_30d",
    "order_request.price",
    "order_request.account_hours",
    "order_request.seller_days",
    "order_request.since_first_order_hours",
    "order_request.minutes_watched_1d",
    "order_request.first_order",
    "order_request.new_on_new",
    "order_request.above_usual",
    "order_request.above_sellers_usual",
    "order_request.shared",
    "order_request.burst",
    "order_request.without_watching",
]


class OrderRiskAnswer(Answer):
    """The values of order_risk_v1."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __getitem__(self, name: OrderRiskTexts) -> Texts: ...
        @overload
        def __getitem__(self, name: OrderRiskIntegers) -> Integers: ...
        @overload
        def __getitem__(self, name: OrderRiskFloats) -> Floats: ...
        @overload
        def __getitem__(self, name: OrderRiskTimes) -> Times: ...
        @overload
        def __getitem__(self, name: OrderRiskBooleans) -> Booleans: ...
        def __getitem__(self, name: Any) -> Any: ...

        def matrix(  # type: ignore[override]
            self,
            dtype: npt.DTypeLike = np.float32,
            *,
            names: Iterable[OrderRiskNumbers] | None = None,
        ) -> np.ndarray[Any, Any]: ...


ShowQualityTexts: TypeAlias = Literal["show_catalog.category"]
ShowQualityFloats: TypeAlias = Literal[
    "show_catalog.start_price",
    "seller_profile.rating",
    "feed_request.minutes_live",
    "feed_request.seller_order_rate",
]
ShowQualityIntegers: TypeAlias = Literal[
    "show_activity.views_10m",
    "show_activity.views_1h",
    "show_activity.views_1d",
    "show_activity.orders_10m",
    "show_activity.orders_1h",
    "show_activity.orders_1d",
    "seller_stats.orders_1h",
    "seller_stats.orders_1d",
    "seller_stats.orders_30d",
]
ShowQualityNumbers: TypeAlias = Literal[
    "show_catalog.start_price",
    "show_activity.views_10m",
    "show_activity.views_1h",
    "show_activity.views_1d",
    "show_activity.orders_10m",
    "show_activity.orders_1h",
    "show_activity.orders_1d",
    "seller_profile.rating",
    "seller_stats.orders_1h",
    "seller_stats.orders_1d",
    "seller_stats.orders_30d",
    "feed_request.minutes_live",
    "feed_request.seller_order_rate",
]


class ShowQualityAnswer(Answer):
    """The values of show_quality_v1."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __getitem__(self, name: ShowQualityTexts) -> Texts: ...
        @overload
        def __getitem__(self, name: ShowQualityFloats) -> Floats: ...
        @overload
        def __getitem__(self, name: ShowQualityIntegers) -> Integers: ...
        def __getitem__(self, name: Any) -> Any: ...

        def matrix(  # type: ignore[override]
            self,
            dtype: npt.DTypeLike = np.float32,
            *,
            names: Iterable[ShowQualityNumbers] | None = None,
        ) -> np.ndarray[Any, Any]: ...


class Features:
    """The services, asked through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def feed_ranking(
        self,
        *,
        viewer_id: Given[str],
        show_id: Given[str] | None = None,
        device: Given[Literal["ios", "android", "web"]] | None = None,
        at: Moment | None = None,
    ) -> FeedRankingAnswer:
        """Which of the shows that are live or about to be a viewer wants to see first."""
        given = {
            "viewer_id": viewer_id,
            "show_id": show_id,
            "device": device,
        }
        answer = self._client.get("feed_ranking_v1", at, **told(given))
        return cast("FeedRankingAnswer", answer)

    def order_risk(
        self,
        *,
        viewer_id: Given[str],
        seller_id: Given[str],
        device_id: Given[str],
        address_id: Given[str],
        price: Given[float],
        at: Moment | None = None,
    ) -> OrderRiskAnswer:
        """How likely an order is to be charged back, at the moment it is placed."""
        given = {
            "viewer_id": viewer_id,
            "seller_id": seller_id,
            "device_id": device_id,
            "address_id": address_id,
            "price": price,
        }
        answer = self._client.get("order_risk_v1", at, **told(given))
        return cast("OrderRiskAnswer", answer)

    def show_quality(
        self,
        *,
        show_id: Given[str],
        at: Moment | None = None,
    ) -> ShowQualityAnswer:
        """How good a show is, whoever watches: for search and notifications."""
        given = {
            "show_id": show_id,
        }
        answer = self._client.get("show_quality_v1", at, **told(given))
        return cast("ShowQualityAnswer", answer)


class AsyncFeatures:
    """The services, asked through a client."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def feed_ranking(
        self,
        *,
        viewer_id: Given[str],
        show_id: Given[str] | None = None,
        device: Given[Literal["ios", "android", "web"]] | None = None,
        at: Moment | None = None,
    ) -> FeedRankingAnswer:
        """Which of the shows that are live or about to be a viewer wants to see first."""
        given = {
            "viewer_id": viewer_id,
            "show_id": show_id,
            "device": device,
        }
        answer = await self._client.get("feed_ranking_v1", at, **told(given))
        return cast("FeedRankingAnswer", answer)

    async def order_risk(
        self,
        *,
        viewer_id: Given[str],
        seller_id: Given[str],
        device_id: Given[str],
        address_id: Given[str],
        price: Given[float],
        at: Moment | None = None,
    ) -> OrderRiskAnswer:
        """How likely an order is to be charged back, at the moment it is placed."""
        given = {
            "viewer_id": viewer_id,
            "seller_id": seller_id,
            "device_id": device_id,
            "address_id": address_id,
            "price": price,
        }
        answer = await self._client.get("order_risk_v1", at, **told(given))
        return cast("OrderRiskAnswer", answer)

    async def show_quality(
        self,
        *,
        show_id: Given[str],
        at: Moment | None = None,
    ) -> ShowQualityAnswer:
        """How good a show is, whoever watches: for search and notifications."""
        given = {
            "show_id": show_id,
        }
        answer = await self._client.get("show_quality_v1", at, **told(given))
        return cast("ShowQualityAnswer", answer)
