"""A shop whose texts mean harm, or would where they were not escaped."""

from datetime import datetime

from slate import (
    CandidateSet,
    Entity,
    FeatureService,
    FeatureView,
    RequestFeatures,
    Source,
    arrival_time,
    column,
    count,
    event_time,
    feature,
    unique_id,
)

HARM = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
KINDS = ("buy", "</script><b>sell", 'a\' "b" & <i>c')


class Customer(Entity):
    """Somebody </title><script>alert(1)</script> who buys."""

    customer_id: str


class Sale(Source):
    """A <b>sale</b>.  {{ 7 * 7 }} {% raw %}"""

    model, landing = "stg_sales", "sales"
    tags = ("<i>tag</i>",)
    sale_id: str = unique_id()
    event_ts: datetime = event_time()
    received_at: datetime = arrival_time()
    customer_id: str
    kind: str = column(one_of=KINDS)  # </td></table><script>alert(1)</script>


class CustomerProfile(FeatureView):
    """What a customer told. <img src=x onerror=alert(2)>"""

    entity, model = Customer, "customer_profile"
    near = "1s"
    city: str  # a <b>town</b>
    spent: float  # in dollars
    visits: int = feature(default=0)
    rare: float
    vip: bool = feature(default=False)


class CustomerSales(FeatureView):
    entity, source = Customer, Sale
    rows = count(over="1d")  # called as a part of the page is
    checks = count(where=Sale.kind == KINDS[1], over=["1h", "7d"])


class SaleRequest(RequestFeatures):
    rate: float = CustomerSales.checks["1h"] / 2.0


class OtherRequest(RequestFeatures):
    known: bool = CustomerProfile.vip & (CustomerProfile.visits > 1)


big_spenders = CandidateSet(Customer, where=CustomerProfile.spent > 100)
pricing = FeatureService(
    "pricing",
    version=1,
    keys=[Customer],
    spine=Sale,
    description=HARM,
    candidates=big_spenders,
    features=[CustomerProfile, OtherRequest],
)
pricing_v2 = FeatureService(
    "pricing", version=2, keys=[Customer], spine=Sale, features=[CustomerSales, SaleRequest.rate]
)
