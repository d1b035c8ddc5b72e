"""Lock files: the contract of each version of a service, as TOML, committed with the definitions.

There is a file for each version, ``locks/feed_ranking_v1.toml`` beside slate.toml. A feature is a
line of it, in the order of the service, so that a change is read in review as a change of lines,
and git merges what touches different ones.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.locks.contracts import Contract, Locked

# Of what is kept and how it is said: fingerprints are of these words.
FORMAT = 1
FINGERPRINT = "fingerprint"
_HEADER = """\
# What models that are trained on {name} are given: a change of it fails `slate check`.
# Written by `slate lock`; docs/versions.md says how a version is changed.
"""


def lock_path(deployment: Deployment, name: str) -> Path:
    """Where the lock of a version of a service is kept.

    Args:
        deployment: the deployment.
        name: the service's name with its version.
    """
    return deployment.root / "locks" / f"{name}.toml"


def load_locks(deployment: Deployment) -> dict[str, Contract]:
    """The contracts that are locked, by the service's name with its version.

    Raises:
        ConfigurationError: a file is none that `slate lock` writes.
    """
    folder = lock_path(deployment, "any").parent
    found = (read(path) for path in sorted(folder.glob("*.toml")))
    return {contract.name: contract for contract in found}


def read(path: Path) -> Contract:
    """The contract that a file holds.

    Raises:
        ConfigurationError: it cannot be read, or does not hold one.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise ValueError(f"it is of format {raw['format']}, and this version reads {FORMAT}")
        contract = Contract(
            service=raw["service"],
            version=int(raw["version"]),
            keys=_texts(raw["keys"]),
            features=_features(raw["features"]),
            behind=_features(raw["behind"]),
            views={name: _texts(facts) for name, facts in raw["views"].items()},
            sources={name: _texts(facts) for name, facts in raw["sources"].items()},
            models=_blocks_of(raw["models"]),
            code=_blocks_of(raw["code"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} is not a lock that `slate lock` wrote ({type(error).__name__}: {error}): take "
            "it from git again; where two changes were merged, keep one side's file and run "
            "`slate lock`"
        ) from error
    if path.stem != contract.name:
        raise ConfigurationError(f"{path} holds the lock of {contract.name}: rename the file")
    return contract


def write(contract: Contract, path: Path) -> bool:
    """Write a contract; tell whether that changed the file.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    text = to_toml(contract)
    with _written(path):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


def remove(path: Path) -> None:
    """Remove a lock.

    Raises:
        ConfigurationError: it cannot be removed.
    """
    with _written(path):
        path.unlink()


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}): see that this user may write there"
        ) from error


def to_toml(contract: Contract) -> str:
    """A contract as a file holds it."""
    return _HEADER.format(name=contract.name) + "\n".join(_lines(contract)) + "\n"


def _lines(contract: Contract) -> Iterator[str]:
    yield f"format = {FORMAT}"
    yield f"service = {_text(contract.service)}"
    yield f"version = {contract.version}"
    yield ""
    yield "[keys]"
    yield from (f"{_key(name)} = {_text(kind)}" for name, kind in contract.keys.items())
    yield ""
    yield "# In the order of the service: that of the columns of a matrix."
    yield from _table("features", {n: _facts(f) for n, f in contract.features.items()})
    yield "# What these are computed from or found by, besides."
    yield from _table("behind", {n: _facts(f) for n, f in contract.behind.items()})
    yield from _table("views", contract.views)
    for name, facts in contract.sources.items():
        yield f"[sources.{_key(name)}]"
        yield from (f"{_key(fact)} = {_text(text)}" for fact, text in facts.items())
        yield ""
    if not contract.sources:
        yield from ("[sources]", "")
    yield "# Hand-written SQL, and the code of resolvers."
    yield from _blocks("models", contract.models)
    yield from _blocks("code", contract.code)


def _facts(locked: Locked) -> Mapping[str, str]:
    return {**locked.facts, FINGERPRINT: locked.fingerprint}


def _table(section: str, rows: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield f"[{section}]"
    for name, facts in rows.items():
        inline = ", ".join(f"{_key(fact)} = {_text(text)}" for fact, text in facts.items())
        yield f"{_key(name)} = {{ {inline} }}"
    yield ""


def _blocks(section: str, texts: Mapping[str, str]) -> Iterator[str]:
    yield f"[{section}]"
    for name, text in texts.items():
        # As it was written, where TOML can hold it so.
        plain = "'''" not in text and text.replace("\n", "").replace("\t", "").isprintable()
        yield f"{_key(name)} = " + (f"'''\n{text}\n'''" if plain else _text(text))
    yield ""


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _text(name)


def _text(text: str) -> str:
    """A text as TOML has it, which escapes as JSON does, and one character more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _features(found: dict[str, Any]) -> dict[str, Locked]:
    rows = {name: _texts(facts) for name, facts in found.items()}
    return {name: Locked(facts, facts.pop(FINGERPRINT)) for name, facts in rows.items()}


def _blocks_of(found: dict[str, Any]) -> dict[str, str]:
    return {name: text.strip("\n") for name, text in _texts(found).items()}


def _texts(found: Any) -> dict[str, str]:
    if not all(isinstance(text, str) for text in found.values()):
        raise ValueError(f"{found} holds what is not a text")
    return dict(found)
