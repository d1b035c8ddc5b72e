"""Who and what the features of the marketplace are of."""

from slate import Entity, key_of


class Viewer(Entity):
    """Somebody who watches and buys."""

    viewer_id: str


class Seller(Entity):
    """Somebody who sells in live shows."""

    seller_id: str


class Category(Entity):
    """What a show sells."""

    category: str


class Show(Entity):
    """One live show of a seller."""

    show_id: str


class Device(Entity):
    """A phone or a browser that orders come from."""

    device_id: str


class Address(Entity):
    """Where orders are sent to."""

    address_id: str


class ViewerSeller(Entity):
    """A viewer and a seller."""

    viewer_id: str = key_of(Viewer)
    seller_id: str = key_of(Seller)


class ViewerCategory(Entity):
    """A viewer and a category."""

    viewer_id: str = key_of(Viewer)
    category: str = key_of(Category)
