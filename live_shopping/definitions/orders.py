"""What is known when an order is placed: of the account, the device, the address, the seller."""

from live_shopping.definitions.entities import Address, Device, Seller, Viewer
from live_shopping.definitions.sources import Order
from slate import FeatureView, count, distinct, first, last, max, mean, sum

OWNER = "risk@live-shopping.example"


class ViewerOrders(FeatureView):
    """An account's orders."""

    entity, source = Viewer, Order
    owner = OWNER
    tags = ("risk",)
    orders = count(over=["10m", "1h", "1d", "30d"])
    spend = sum(Order.price, over=["1h", "1d", "30d"])  # dollars
    usual_price = mean(Order.price, over="30d")  # dollars
    highest_price = max(Order.price, over="30d")  # dollars
    sellers = distinct(Order.seller_id, over=["1h", "30d"])
    devices = distinct(Order.device_id, over=["1d", "30d"])
    addresses = distinct(Order.address_id, over=["1d", "30d"])
    first_order = first(Order.event_ts, over="forever")
    last_address = last(Order.address_id)


class DeviceOrders(FeatureView):
    """Orders from a device, by whoever."""

    entity, source = Device, Order
    owner = OWNER
    tags = ("risk",)
    orders = count(over=["10m", "1h", "1d"])
    spend = sum(Order.price, over=["1h", "1d"])  # dollars
    accounts = distinct(Order.viewer_id, over=["1h", "1d", "30d"])
    addresses = distinct(Order.address_id, over="1d")


class AddressOrders(FeatureView):
    """Orders to an address, by whoever."""

    entity, source = Address, Order
    owner = OWNER
    tags = ("risk",)
    orders = count(over=["1h", "1d", "30d"])
    spend = sum(Order.price, over="1d")  # dollars
    accounts = distinct(Order.viewer_id, over=["1h", "1d", "30d"])


class SellerOrders(FeatureView):
    """Orders from a seller, also those that no show tells of."""

    entity, source = Seller, Order
    owner = OWNER
    tags = ("risk",)
    orders = count(over=["10m", "1h", "1d"])
    buyers = distinct(Order.viewer_id, over=["1h", "1d"])
    usual_price = mean(Order.price, over="30d")  # dollars
