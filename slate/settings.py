"""A slate.toml: found, read, and each of its entries checked.

Which definitions a deployment has, which dbt project, and where its data lie::

    name = "live_shopping"                       # prefix of online keys, name in the UI
    definitions = "live_shopping.definitions"    # the module that holds the definitions
    dbt_project = "dbt_project"                  # relative to this file
    data = "data"                                # landing, warehouse, training sets, online store
    redis = ""                                   # empty: an embedded server; else its address
    demo = ""                                    # a module that makes and shows demonstration data
    assets = ""                                  # a module with Dagster assets of your own
    rankings = ""                                # a module with rankings that `slate serve` answers
    clock = ""                                   # empty: the machine's; else where it stands
    memory = ""                                  # empty: half of the machine's; else as "12GB"
    kept_generations = 1                         # that a view can be rolled back to
    kept_answers = ""                            # empty: for ever; else how long, as "90d"
    catalogue_url = ""                           # where a web server has <data>/catalogue
    reports_url = ""                             # where one has <data>/reports

``SLATE_DATA``, ``SLATE_REDIS``, ``SLATE_CLOCK`` and ``SLATE_MEMORY`` override what the file says of
them. ``SLATE_ENV`` names a preview: the same definitions with data and online keys of its own.
"""

import os
import re
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slate.errors import ConfigurationError, DefinitionError, nearest
from slate.thresholds import age_limit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MEMORY = re.compile(r"[1-9]\d*(\.\d+)? ?([KMGT]i?B|%)")
_KEPT, _ANSWERS = "kept_generations", "kept_answers"
_ENTRIES = (
    "name",
    "definitions",
    "dbt_project",
    "data",
    "redis",
    "demo",
    "assets",
    "rankings",
    "clock",
    "memory",
    _KEPT,
    _ANSWERS,
    "catalogue_url",
    "reports_url",
)
# Of each view, besides the live one.
KEPT_GENERATIONS, MOST_KEPT_GENERATIONS = 1, 100


class DeploymentSettings:
    """What a slate.toml says, or the environment in its place.

    Args:
        file: the file.

    Attributes:
        root: the folder in which it lies.

    Raises:
        ConfigurationError: it cannot be read, or lacks an entry, or has a wrong one. What is wrong
            with the value of one is raised as it is asked for.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._entries = file, _read(file)
        self.root = file.resolve().parent
        if isinstance(clock := self._entries.get("clock"), date):
            # TOML has instants of its own.
            self._entries["clock"] = clock.isoformat()
        for name, value in self._entries.items():
            if name not in _ENTRIES:
                raise ConfigurationError(f"{file}: unknown {name!r}, {nearest(name, _ENTRIES)}")
            if name != _KEPT and not isinstance(value, str):
                raise ConfigurationError(f"{file}: {name} = {value!r} is not a string")
        for name in ("name", "definitions", "dbt_project"):
            if not self._entries.get(name):
                raise ConfigurationError(f"{file}: set {name}")
        if not _NAME.fullmatch(self.text("name")):
            raise ConfigurationError(
                f"{file}: name = {self.text('name')!r}: the names in the online store begin with "
                "it, so use letters, digits, '_', '-' and '.', as in 'my_shop'"
            )

    def text(self, name: str) -> str:
        """What is said of an entry; empty where it is not there."""
        found: str = self._entries.get(name, "")
        return found

    @property
    def data(self) -> Path:
        """The folder that everything is written to."""
        data = (Path.cwd() if os.environ.get("SLATE_DATA") else self.root) / (
            os.environ.get("SLATE_DATA") or self.text("data") or "data"
        )
        if self.root.is_relative_to(data.resolve()):
            raise ConfigurationError(
                f"{self._file}: the data folder is {data}, which holds the deployment itself: give "
                "it a folder of its own (data, or SLATE_DATA), as in 'data'"
            )
        return data

    @property
    def redis(self) -> str:
        """The online store's address; empty for an embedded server."""
        return os.environ.get("SLATE_REDIS", self.text("redis"))

    @property
    def clock(self) -> datetime | None:
        """The instant at which the virtual clock stands (UTC); None where none is set."""
        text, where = self._overridden("clock", "SLATE_CLOCK")
        if not text:
            return None
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            raise ConfigurationError(
                f"{where} = {text!r} is not an instant: write it as in '2026-05-01T00:00:00' "
                "(UTC), or leave it empty for the machine's clock"
            ) from None
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
        if instant > datetime.now(UTC):
            raise ConfigurationError(
                f"{where} = {text!r} lies in the future: a virtual clock is for data of the past; "
                "leave it empty for the machine's clock"
            )
        return instant

    @property
    def memory(self) -> str:
        """How much memory the warehouse may take; empty for half of the machine's."""
        text, where = self._overridden("memory", "SLATE_MEMORY")
        share = float(text[:-1]) if _MEMORY.fullmatch(text) and text.endswith("%") else 0.0
        if text and (not _MEMORY.fullmatch(text) or share > 100):
            raise ConfigurationError(
                f"{where} = {text!r} is not an amount of memory: write it as in '12GB' or "
                "'800MiB', or as a share of what the machine has, up to '100%'; or leave it empty "
                "for half of it"
            )
        return text

    @property
    def kept_generations(self) -> int:
        """How many generations of a view are kept besides the live one."""
        number = self._entries.get(_KEPT, KEPT_GENERATIONS)
        if type(number) is not int or not 1 <= number <= MOST_KEPT_GENERATIONS:
            raise ConfigurationError(
                f"{self._file}: {_KEPT} = {number!r} is not a number from 1 to "
                f"{MOST_KEPT_GENERATIONS}: how many generations of a view are kept besides the "
                "live one"
            )
        return number

    @property
    def kept_answers(self) -> int | None:
        """For how many microseconds logged answers are kept; None for ever."""
        try:
            return age_limit(self.text(_ANSWERS), f"{self._file}: {_ANSWERS}")
        except DefinitionError as error:
            raise ConfigurationError(
                f"{error}; or leave it empty to keep logged answers for ever"
            ) from error

    def address(self, name: str) -> str:
        """Where a web server has a folder, without a slash at the end; empty if it does not."""
        text = self.text(name)
        try:
            parts = urlsplit(text)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname)
            # What is behind the path would end up amid the address of a page.
            is_one = is_one and parts.port != 0 and not set(text) & {*'?#@<>"\\'}
        except ValueError:
            is_one = False
        if text and not (is_one and text.isprintable() and " " not in text):
            raise ConfigurationError(
                f"{self._file}: {name} = {text!r} is not an address of pages: write it as in "
                "'https://features.example.com/catalogue', without a password, or leave it empty"
            )
        return text.rstrip("/")

    def _overridden(self, name: str, variable: str) -> tuple[str, str]:
        """What an entry says, or a variable in its place, and which of them said it."""
        if variable in os.environ:
            return os.environ[variable], variable
        return self.text(name), f"{self._file}: {name}"


def find() -> Path:
    """The slate.toml that ``SLATE_CONFIG`` names, else the nearest from here upwards.

    Raises:
        ConfigurationError: there is none.
    """
    if named := os.environ.get("SLATE_CONFIG"):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "slate.toml").is_file():
            return folder / "slate.toml"
    raise ConfigurationError(
        f"no slate.toml in {here} or above: `slate init NAME --from FILE` makes a deployment from "
        "a file of your events; or go into the folder of one, or set SLATE_CONFIG"
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist: set SLATE_CONFIG to a slate.toml"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read ({error.strerror}): it, or what SLATE_CONFIG names, is to be a "
            "slate.toml"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from error
