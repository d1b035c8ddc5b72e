"""Addresses of the online store: what may be said in one, and what redis makes of it."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from redis.connection import parse_url

from slate.errors import ConfigurationError, nearest

SCHEMES = {
    "redis": "redis://[user:password@]host[:port][/database]",
    "rediss": "rediss://[user:password@]host[:port][/database] (with TLS)",
    "unix": "unix:///path/of/the.socket",
}
# A cluster is named by some of its nodes; they tell of the others.
CLUSTERS = {
    "redis+cluster": "redis+cluster://[user:password@]host[:port][,host[:port]...]",
    "rediss+cluster": "rediss+cluster://[user:password@]host[:port][,host[:port]...] (with TLS)",
}
PORT = 6379
# What may follow the `?`. What changes replies, or waits by rules of its own, may not.
OPTIONS = (
    "client_name",
    "db",
    "max_connections",
    "password",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
    "username",
)
_WHOLE = ("db", "max_connections")


class Node(NamedTuple):
    """A server by its address."""

    host: str
    port: int


@dataclass(frozen=True)
class ClusterAddress:
    """What the address of a cluster says.

    Attributes:
        nodes: some of its nodes.
        options: the arguments of redis' pools, whichever node they are for.
    """

    nodes: tuple[Node, ...]
    options: dict[str, Any]


def cluster(address: str) -> ClusterAddress | None:
    """What the address of a cluster says; None where it is that of one server.

    Raises:
        ConfigurationError: as of ``options``.
    """
    scheme, _, rest = address.partition("://")
    if scheme not in CLUSTERS:
        options(address)
        return None
    place, asked, query = rest.partition("?")
    place, _, database = place.partition("/")
    user, at, hosts = place.rpartition("@")
    if not all(hosts.split(",")):
        raise _wrong(address, f"it names a node without a host: write {CLUSTERS[scheme]}")
    kind = scheme.removesuffix("+cluster")
    members = [f"{kind}://{user}{at}{host}{asked}{query}" for host in hosts.split(",")]
    found = [_options(member, address) for member in members]
    if database.strip("/") or "db" in found[0]:
        raise _wrong(address, "a cluster has one database: name none")
    nodes = [Node(one.pop("host", "localhost"), one.pop("port", PORT)) for one in found]
    return ClusterAddress(tuple(nodes), found[0])


def options(address: str) -> dict[str, Any]:
    """What the address of one server says, as the arguments of redis' pools.

    Raises:
        ConfigurationError: it is not one that the store can be reached by. The message never holds
            what may be a password.
    """
    return _options(address, address)


def _options(part: str, address: str) -> dict[str, Any]:
    """What a part of an address says that is the address of one server."""
    url = _split(part)
    if url is None:
        raise _wrong(
            address,
            "its host or port cannot be read (of a password write / as %2F, # as %23, ? as %3F, "
            "@ as %40)",
        )
    if url.scheme not in SCHEMES:
        if "sentinel" in url.scheme:
            raise _wrong(
                address, f"{url.scheme}:// is not supported: give the address of the primary"
            )
        allowed = "; ".join([*SCHEMES.values(), *CLUSTERS.values()])
        raise _wrong(address, f"write it as one of: {allowed}")
    _check_path(address, url)
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        if name not in OPTIONS:
            raise _wrong(address, f"it may not set {name!r}: {nearest(name, OPTIONS)}")
        if name in _WHOLE and not (value.isascii() and value.isdigit()):
            raise _wrong(address, f"{name}={value!r} is not a whole number")
        if name == "max_connections" and not int(value):
            raise _wrong(address, "max_connections=0 lets nobody in")
    try:
        found: dict[str, Any] = parse_url(part)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise _wrong(address, str(error)) from None
    return found


def _split(address: str) -> SplitResult | None:
    try:
        url = urlsplit(address)
        # Only asking for it tells whether it is a port.
        return url if url.port is None or url.port else None
    except ValueError:
        return None


def _check_path(address: str, url: SplitResult) -> None:
    if url.scheme == "unix":
        if not url.path:
            raise _wrong(address, f"it names no socket: write {SCHEMES['unix']}")
    elif (database := url.path.strip("/")) and not (database.isascii() and database.isdigit()):
        raise _wrong(address, "what follows the host is not a database's number, as in /0")
    elif url.fragment:
        raise _wrong(address, "write a # of a password as %23")


def shown(address: str) -> str:
    """An address without what may be a password.

    Examples:
        >>> shown("redis://me:secret@host:6379/1?password=secret")
        'redis://host:6379/1'
        >>> shown("redis+cluster://me:secret@one:7000,two:7000")
        'redis+cluster://one:7000,two:7000'
    """
    scheme, _, rest = address.partition("://")
    if scheme in CLUSTERS:
        hosts = re.split("[/?]", rest)[0].rpartition("@")[2]
        sound = all(_split(f"redis://{host}") for host in hosts.split(","))
        return f"{scheme}://{hosts}" if sound else "***"
    url = _split(address)
    if url is None or "://" not in address:
        return "***"
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _wrong(address: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the online store's address {shown(address)} (redis in slate.toml, or SLATE_REDIS): {what}"
    )
