"""Who and what the features of the bike-share are of."""

from slate import Entity, key_of


class Rider(Entity):
    """Somebody with a membership."""

    rider_id: str


class Bike(Entity):
    """One bike."""

    bike_id: int


class Station(Entity):
    """A place to take and return bikes; 0 is the workshop."""

    station_id: int


class Depot(Entity):
    """A crew that looks after some stations."""

    depot: str


class RiderStation(Entity):
    """A rider and a station."""

    rider_id: str = key_of(Rider)
    station_id: int = key_of(Station)


class BikeStation(Entity):
    """A bike and a station."""

    bike_id: int = key_of(Bike)
    station_id: int = key_of(Station)
