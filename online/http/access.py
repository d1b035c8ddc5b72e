"""API keys: who may ask for which services. A file holds their hashes, never the keys.

The file is JSON, a name for each key::

    {"feed": {"hash": "5f...", "services": ["feed_ranking"], "scopes": ["pii"]}}

``feed_ranking`` stands for all of its versions, ``feed_ranking_v1`` for one. A key without the
scope ``pii``, or without any, is answered with nulls in the place of what is tagged so.

It is read again when it changes, so that a key that is taken out is refused within a second.
"""

import json
import logging
import os
import secrets
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from slate.errors import ConfigurationError, nearest
from slate.privacy import PII
from slate.registry import Registry
from slate.services import FeatureService

logger = logging.getLogger(__name__)

# Of so many random bytes nobody guesses one, and so a fast hash of it is enough.
_BYTES = 32
_AGAIN = 1.0
ALL = "*"


@dataclass(frozen=True)
class Grant:
    """What a key allows.

    Attributes:
        name: the key's name.
        services: names of services, alone or with a version, or ``*`` for all.
        scopes: what else it allows: ``pii`` to read what is tagged so.
    """

    name: str
    services: frozenset[str]
    scopes: frozenset[str] = frozenset()

    def allows(self, service: FeatureService) -> bool:
        """Whether a service may be asked for."""
        return bool(self.services & {ALL, service.name, service.full_name})


class Access:
    """The keys of a file.

    Args:
        path: the file.

    Raises:
        ConfigurationError: it cannot be read, or is no file of keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed, self._grants = _read(path)
        self._next = time.monotonic() + _AGAIN

    def grant(self, key: str) -> Grant | None:
        """What a key allows; None if it is none of the file's."""
        if time.monotonic() >= self._next:
            self._read_again()
        return self._grants.get(_hash(key))

    def _read_again(self) -> None:
        self._next = time.monotonic() + _AGAIN
        try:
            if _version(self._path) != self._changed:
                self._changed, self._grants = _read(self._path)
        except (OSError, ConfigurationError) as error:
            logger.error("the keys stay as they were: %s", error)


def new_key(
    path: Path, name: str, services: list[str], registry: Registry, *, personal: bool = False
) -> str:
    """Make a key, and add its hash to a file.

    Args:
        path: the file; made if there is none.
        name: the key's name.
        services: what it may ask for; none for all.
        registry: the definitions.
        personal: whether it may read what is tagged ``pii``.

    Raises:
        ConfigurationError: the file is none of keys, has one of that name or cannot be written, or
            there is no such service.
    """
    for service in services:
        if service not in registry.service_names:
            hint = nearest(service, registry.service_names)
            raise ConfigurationError(f"--services: there is no service {service!r}: {hint}")
    held = _entries(path) if path.exists() else {}
    if name in held:
        raise ConfigurationError(
            f"{path} has a key {name!r}: take its entry out first, or give the new one another name"
        )
    key = secrets.token_urlsafe(_BYTES)
    held[name] = {"hash": _hash(key), "services": services or [ALL]}
    if personal:
        held[name]["scopes"] = [PII]
    beside = path.with_name(f"{path.name}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(held, indent=2) + "\n")
        beside.replace(path)
    except OSError as error:
        raise ConfigurationError(f"--keys: {path} cannot be written ({error.strerror})") from error
    return key


def _hash(key: str) -> str:
    return blake2b(key.encode(errors="replace"), digest_size=_BYTES).hexdigest()


def _version(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


def _read(path: Path) -> tuple[tuple[int, int], dict[str, Grant]]:
    """A file's version, and what its keys allow by their hash."""
    try:
        version = _version(path)
    except OSError as error:
        raise ConfigurationError(
            f"--keys: {path} cannot be read ({error.strerror}): make a key with `slate serve "
            f"--keys {path} --new-key NAME`"
        ) from error
    grants = {
        one["hash"]: Grant(name, frozenset(one["services"]), frozenset(one.get("scopes", ())))
        for name, one in _entries(path).items()
    }
    return version, grants


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"--keys: {path} cannot be read as JSON ({error})") from error
    if not isinstance(held, dict):
        raise ConfigurationError(f"--keys: {path} is no file of keys: it is not a JSON object")
    for name, one in held.items():
        match one:
            case {"hash": str(), "services": [*services]} if all(
                isinstance(service, str) for service in services
            ) and one.get("scopes", []) in ([], [PII]):
                pass
            case _:
                raise ConfigurationError(
                    f'--keys: {path}: {name!r} is not {{"hash": "...", "services": ["..."]}}: take '
                    "it out, and make it anew with --new-key"
                )
    return held
