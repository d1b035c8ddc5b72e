"""Addresses of the online store: what may be said in one, and what redis makes of it."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

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
# Of a set of servers of which one is the primary, some of those who tell which it is.
_SENTINELS = "://[user:password@]host[:port][,host[:port]...]/SERVICE[/database]"
SENTINELS = {
    "redis+sentinel": f"redis+sentinel{_SENTINELS}",
    "rediss+sentinel": f"rediss+sentinel{_SENTINELS} (with TLS)",
}
PORT, SENTINEL_PORT = 6379, 26_379
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
# What sentinels are told by, where they ask for it: servers have users of their own.
_OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}


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


@dataclass(frozen=True)
class SentinelAddress:
    """What the address of a primary says that sentinels tell.

    Attributes:
        sentinels: some of the sentinels.
        service: what they call the primary and its replicas.
        options: the arguments of redis' pools, whichever server they are for.
        sentinel_options: those for a sentinel.
    """

    sentinels: tuple[Node, ...]
    service: str
    options: dict[str, Any]
    sentinel_options: dict[str, Any]


def parsed(address: str) -> dict[str, Any] | ClusterAddress | SentinelAddress:
    """What an address says, of whichever kind it is; that of one server as of ``options``.

    Raises:
        ConfigurationError: as of ``options``.
    """
    scheme = address.partition("://")[0]
    if scheme in CLUSTERS:
        return _cluster(address)
    return _sentinels(address) if scheme in SENTINELS else options(address)


def options(address: str) -> dict[str, Any]:
    """What the address of one server says, as the arguments of redis' pools.

    Raises:
        ConfigurationError: it is not one that the store can be reached by. The message never holds
            what may be a password.
    """
    return _options(address, address)


def _cluster(address: str) -> ClusterAddress:
    several = _Several.of(address)
    found = several.members(several.query)
    if several.path or "db" in found[0]:
        raise _wrong(address, "a cluster has one database: name none")
    nodes = [Node(one.pop("host", "localhost"), one.pop("port", PORT)) for one in found]
    return ClusterAddress(tuple(nodes), found[0])


def _sentinels(address: str) -> SentinelAddress:
    several = _Several.of(address)
    service, _, database = several.path.partition("/")
    if not service or "@" in several.path:
        raise _wrong(address, f"it names no service: write {SENTINELS[several.scheme]}")
    asked = parse_qsl(several.query, keep_blank_values=True)
    found = several.members(urlencode([one for one in asked if one[0] not in _OF_SENTINELS]))
    own = {_OF_SENTINELS[name]: value for name, value in asked if name in _OF_SENTINELS}
    nodes = [Node(one.pop("host", "localhost"), one.pop("port", SENTINEL_PORT)) for one in found]
    given = found[0]
    if database:
        if "db" in given or not (database.isascii() and database.isdigit()):
            raise _wrong(address, "what follows the service is not a database's number, as in /0")
        given["db"] = int(database)
    tls = {name: value for name, value in given.items() if name.startswith(("ssl_", "connection_"))}
    return SentinelAddress(tuple(nodes), unquote(service), given, {**tls, **own})


@dataclass(frozen=True)
class _Several:
    """An address that names several servers.

    Attributes:
        address: all of it.
        scheme: what comes before `://`.
        user: what comes before the hosts, with its `@`.
        hosts: the hosts.
        path: what follows them.
        query: what follows the `?`.
    """

    address: str
    scheme: str
    user: str
    hosts: list[str]
    path: str
    query: str

    @classmethod
    def of(cls, address: str) -> Self:
        """Take an address apart."""
        scheme, _, rest = address.partition("://")
        place, _, query = rest.partition("?")
        place, _, path = place.partition("/")
        user, at, hosts = place.rpartition("@")
        if not all(hosts.split(",")):
            spelled = (CLUSTERS | SENTINELS)[scheme]
            raise _wrong(address, f"it names a node without a host: write {spelled}")
        return cls(address, scheme, f"{user}{at}", hosts.split(","), path.strip("/"), query)

    def members(self, query: str) -> list[dict[str, Any]]:
        """What each of its parts says, as if it were the address of one server."""
        kind, asked = self.scheme.partition("+")[0], f"?{query}" if query else ""
        members = [f"{kind}://{self.user}{host}{asked}" for host in self.hosts]
        return [_options(member, self.address) for member in members]


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
        allowed = "; ".join((SCHEMES | CLUSTERS | SENTINELS).values())
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
        >>> shown("rediss+sentinel://me:secret@one,two/main/1?sentinel_password=secret")
        'rediss+sentinel://one,two/main/1'
    """
    scheme, _, rest = address.partition("://")
    if scheme in CLUSTERS | SENTINELS:
        place, _, path = rest.partition("?")[0].partition("/")
        hosts = place.rpartition("@")[2]
        sound = all(_split(f"redis://{host}") for host in hosts.split(",")) and "@" not in path
        shown_path = f"/{path}" if path and scheme in SENTINELS else ""
        return f"{scheme}://{hosts}{shown_path}" if sound else "***"
    url = _split(address)
    if url is None or "://" not in address:
        return "***"
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _wrong(address: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the online store's address {shown(address)} (redis in slate.toml, or SLATE_REDIS): {what}"
    )
