"""Addresses of the online store: what may be said in one, and what redis makes of it."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from redis.connection import parse_url

from slate.errors import ConfigurationError, nearest

SCHEMES = {
    "redis": "redis://[user:password@]host[:port][/database]",
    "rediss": "rediss://[user:password@]host[:port][/database] (with TLS)",
    "unix": "unix:///path/of/the.socket",
}
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


def options(address: str) -> dict[str, Any]:
    """What an address says, as the arguments of redis' pools.

    Raises:
        ConfigurationError: it is not one that the store can be reached by. The message never holds
            what may be a password.
    """
    url = _split(address)
    if url is None:
        raise _wrong(
            address,
            "its host or port cannot be read (of a password write / as %2F, # as %23, ? as %3F, "
            "@ as %40)",
        )
    if url.scheme not in SCHEMES:
        if "sentinel" in url.scheme or "cluster" in url.scheme:
            raise _wrong(
                address, f"{url.scheme}:// is not supported: give the address of the primary"
            )
        allowed = "; ".join(SCHEMES.values())
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
        found: dict[str, Any] = parse_url(address)  # type: ignore[no-untyped-call]
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
    """
    url = _split(address)
    if url is None or "://" not in address:
        return "***"
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _wrong(address: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the online store's address {shown(address)} (redis in slate.toml, or SLATE_REDIS): {what}"
    )
