"""Will this session end with a purchase? What a shop's clicks tell at each further click."""

from datetime import datetime

import numpy as np

from slate import (
    Entity,
    FeatureService,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    column,
    count,
    distinct,
    event_time,
    first,
    last,
    last_n,
    now,
    request_input,
    share,
    top,
    unique_id,
)

CHECKOUT = ["shipping_details", "payment_details"]
TROUBLES = ["error_page", "payment_error", "checkout_bug"]
BROWSING = ["home", "catalog", "search", "filter_results", "product_view", "promo_page", "compare"]
BUYING = ["wishlist_add", "add_to_cart", "cart", *CHECKOUT, "purchase"]
STEPS = [*BROWSING, *BUYING, *TROUBLES, "account_page", "review_page", "support_chat"]
MINUTE, DAY = np.timedelta64(1, "m"), np.timedelta64(1, "D")


class User(Entity):
    """Somebody who comes again."""

    user_id: str


class Session(Entity):
    """One visit."""

    session_id: str


class Click(Source):
    """A step of a visit."""

    model, landing = "stg_clicks", "clicks"
    row_id: str = unique_id()  # of the row's content: the file has none
    timestamp: datetime = event_time()
    received_at: datetime = arrival_time()  # a second later, by a rule
    user_id: str
    session_id: str
    event: str = column(one_of=STEPS)
    platform: str
    acquisition_channel: str


class SessionClicks(FeatureView):
    """How far a visit has come."""

    entity, source = Session, Click
    clicks = count(over=["5m", "2h"])  # no visit is longer than 70 minutes
    searched = count(where=np.isin(Click.event, ["search", "filter_results"]), over="2h")
    viewed = count(where=Click.event == "product_view", over=["5m", "2h"])
    added = count(where=Click.event == "add_to_cart", over=["5m", "2h"])
    checked_out = count(where=np.isin(Click.event, CHECKOUT), over="2h")
    bought = count(where=Click.event == "purchase", over="2h")
    troubles = count(where=np.isin(Click.event, TROUBLES), over="2h")
    steps = distinct(Click.event, over="2h")
    usual_steps = top(Click.event, 3, over="2h")
    usual_share = share(Click.event, over="2h")  # of the most usual one: who goes in circles
    last_steps = last_n(Click.event, 5)  # the latest first
    began = first(Click.timestamp, over="forever")


class UserClicks(FeatureView):
    """Who comes, how often, and whether they buy."""

    entity, source = User, Click
    sessions = distinct(Click.session_id, over=["7d", "90d"])
    purchases = count(where=Click.event == "purchase", over=["30d", "forever"])
    last_purchase = last(Click.timestamp, where=Click.event == "purchase")
    recent_steps = distinct(Click.event, last=50)
    platform = top(Click.platform, over="90d")
    platform_share = share(Click.platform, over="90d")
    channel = last(Click.acquisition_channel)


class ThisClick(RequestFeatures):
    """The click that is being made, beside what was known before it."""

    event: str = request_input(one_of=STEPS)

    at_checkout: bool = np.isin(event, CHECKOUT)
    minutes_in: float = (now() - SessionClicks.began) / MINUTE
    added_share: float = SessionClicks.added["2h"] / np.maximum(SessionClicks.clicks["2h"], 1)
    buys: float = UserClicks.purchases["forever"] / np.maximum(UserClicks.sessions["90d"], 1)
    days_since_purchase: float = (now() - UserClicks.last_purchase) / DAY


purchase_intent = FeatureService(
    "purchase_intent",
    version=1,
    keys=[User, Session],
    spine=Click,
    features=[SessionClicks, UserClicks, ThisClick],
)
