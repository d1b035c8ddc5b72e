"""What the online store says of live generations, whatever their definitions."""

from dataclasses import dataclass

from redis.exceptions import RedisError

from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online.store.generations import Generation, pointers, read_pointer
from slate.online.store.redis_client import connect, open_store

# For how many seconds a store may be silent.
TIMEOUT = 5.0

# The live generations of each view, by its name, and of each by the fingerprint of its definition.
Live = dict[str, dict[str, Generation]]
_STREAM = "stream"


@dataclass(frozen=True)
class StoreState:
    """What the store says.

    Attributes:
        live: the live generations.
        streams: the streams that have brought something.
    """

    live: Live
    streams: set[str]


def store_state(deployment: Deployment) -> StoreState:
    """What the store says, of whatever definitions. Nothing is started where no store is.

    Raises:
        StoreError: the store cannot be seen, or what it says cannot be read.
    """
    if not deployment.redis and not deployment.online_store.exists():
        raise StoreError(f"there is none yet in {deployment.data}")
    address, server = open_store(deployment)
    try:
        with connect(address, TIMEOUT) as redis:
            found = redis.hgetall(pointers(deployment.name))
    except (RedisError, OSError) as error:
        raise StoreError(f"it does not answer ({error})") from error
    finally:
        if server is not None:
            server.stop()
    live: Live = {}
    streams: set[str] = set()
    for field, pointer in found.items():
        # Other fields of the hash are not of this form.
        view, colon, fingerprint = field.decode().partition(":")
        if colon and "/" not in view:
            live.setdefault(view, {})[fingerprint] = read_pointer(view, pointer)
        of, slash, name = field.decode().partition("/")
        if slash and of == _STREAM:
            streams.add(name)
    return StoreState(live, streams)


def live_generations(deployment: Deployment) -> Live:
    """The live generations of all views that the store holds.

    Raises:
        StoreError: as of ``store_state``.
    """
    return store_state(deployment).live
