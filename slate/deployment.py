"""The deployment: which definitions, which dbt project, and where the data lie.

Chosen by ``slate.toml``, found from the working directory upwards, or named by ``SLATE_CONFIG``::

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

``SLATE_DATA``, ``SLATE_REDIS``, ``SLATE_CLOCK`` and ``SLATE_MEMORY`` override what the file says of
them. ``SLATE_ENV`` names a preview: the same definitions with data and online keys of its own.
"""

import os
import re
import sys
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from slate.errors import ConfigurationError, DefinitionError, nearest
from slate.preview_names import preview_folder, preview_name, require_preview_name
from slate.registry import Registry
from slate.thresholds import age_limit

# The variable that names a preview.
ENV = "SLATE_ENV"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KEPT, _ANSWERS = "kept_generations", "kept_answers"
_SETTINGS = (
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
)
# Of each view, besides the live one.
KEPT_GENERATIONS, MOST_KEPT_GENERATIONS = 1, 100
_MEMORY = re.compile(r"[1-9]\d*(\.\d+)? ?([KMGT]i?B|%)")


@dataclass(frozen=True)
class Deployment:
    """A configured deployment; all paths are absolute.

    Attributes:
        name: the prefix of online keys, and the code location's name.
        definitions: the dotted name of the definitions module.
        root: the folder of slate.toml.
        dbt_project: the dbt project's folder.
        data: the folder that everything is written to.
        redis: the online store's address; empty for an embedded server in the data folder.
        demo: the dotted name of a module that makes and shows demonstration data; empty for none.
        assets: the dotted name of a module whose function `assets`, given the deployment, makes
            Dagster assets beside Slate's own; empty for none.
        rankings: the dotted name of a module whose function `rankings`, given the deployment, makes
            what `slate serve` ranks by; empty for none.
        clock: the instant (UTC) at which a virtual clock stands, so that data of the past can be
            served and replayed; None for the machine's clock.
        memory: how much memory the warehouse may take, as "12GB", "800MiB" or "70%" of what the
            machine or its container has; empty for half of that. What needs more goes to disk.
        kept_generations: how many generations of a view the online store keeps besides the live
            one, so that it can be rolled back.
        kept_answers: how long logged answers are kept, in microseconds; None for ever.
        env: which preview of the deployment this is, by its name; empty for production.
    """

    name: str
    definitions: str
    root: Path
    dbt_project: Path
    data: Path
    # Not shown with the rest, as it may hold a password.
    redis: str = field(default="", repr=False)
    demo: str = ""
    assets: str = ""
    rankings: str = ""
    clock: datetime | None = None
    memory: str = ""
    kept_generations: int = KEPT_GENERATIONS
    kept_answers: int | None = None
    env: str = ""

    def preview(self, env: str) -> "Deployment":
        """A preview of this deployment: the same, with online keys and a data folder of its own.

        Where the deployment names no online store, the preview's embedded one is its own too.

        Args:
            env: its name.

        Raises:
            ConfigurationError: it is not a name that previews can have.
        """
        require_preview_name(env, "a preview")
        production = self.production
        return replace(
            production,
            name=preview_name(production.name, env),
            data=preview_folder(production.data, env),
            env=env,
        )

    @property
    def production(self) -> "Deployment":
        """What this is a preview of; itself, if it is none."""
        if not self.env:
            return self
        name = self.name.removesuffix(preview_name("", self.env))
        return replace(self, name=name, data=self.data.parents[1], env="")

    def require_made(self) -> None:
        """Refuse a preview that nothing was ever made of, as under a name that was misspelt.

        Raises:
            ConfigurationError: it is such a one.
        """
        if self.env and not self.data.is_dir():
            raise ConfigurationError(
                f"there is no preview {self.env!r} in {self.data.parent}: `slate run --env "
                f"{self.env}` makes it, `slate env list` tells of others"
            )

    def now(self) -> datetime:
        """What the platform's clock says (UTC): which hours are over, and how old data are."""
        return self.clock or datetime.now(UTC)

    @cached_property
    def registry(self) -> Registry:
        """The definitions, imported on first use.

        Raises:
            ConfigurationError: the module cannot be imported, or one beside slate.toml is called
                `slate`.
            DefinitionError: a definition is wrong.
        """
        self.make_importable()
        return Registry.from_module(self.definitions)

    def make_importable(self) -> None:
        """Let what lies beside slate.toml be imported.

        Raises:
            ConfigurationError: a module there is called `slate`, and would be imported in the
                place of this one.
        """
        self._require_own_name()
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))

    def _require_own_name(self) -> None:
        if self.root == Path(__file__).resolve().parents[1]:
            return
        for module in ("slate/__init__.py", "slate.py"):
            if (self.root / module).is_file():
                raise ConfigurationError(
                    f"{self.root / module} would be imported in the place of Slate itself: rename "
                    "it, or move it into the package of the definitions"
                )

    def make_data(self) -> None:
        """Make the data folder, if there is none, so that its user alone gets at what is in it.

        One that is there stays as it is, as it may be meant for others too.

        Raises:
            ConfigurationError: it cannot be made.
        """
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the data folder {self.data} cannot be made ({error.strerror}): see that this "
                "user may write there, or name another one by `data` in slate.toml or SLATE_DATA"
            ) from error

    @property
    def landing(self) -> Path:
        """Where landing files arrive, a folder for each source."""
        return self.data / "landing"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.data / "warehouse.duckdb"

    @property
    def online_store(self) -> Path:
        """Where the embedded online store keeps what is in it."""
        return self.data / "redis"

    @property
    def stream_archive(self) -> Path:
        """Where the streams' archives are written, a folder for each stream."""
        return self.data / "stream"

    @property
    def training(self) -> Path:
        """Where training sets are written, a folder for each service."""
        return self.data / "training"

    @property
    def answers(self) -> Path:
        """Where logged answers are kept, a folder for each service."""
        return self.data / "log"

    @property
    def reports(self) -> Path:
        """Where the rendered reports of checks are written."""
        return self.data / "reports"

    @property
    def experiments(self) -> Path:
        """Where the comparisons of experiments are drawn, a folder for each of them."""
        return self.data / "experiments"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps runs and their logs."""
        return self.data / "dagster"

    @property
    def catalogue(self) -> Path:
        """Where the site is written that tells of all definitions, and of what is known of them."""
        return self.data / "catalogue"


def given_or_loaded(deployment: Deployment | None) -> Deployment:
    """A deployment as it was given, or else that of slate.toml.

    Raises:
        ConfigurationError: it is none, or as ``load`` says.
    """
    if deployment is None:
        return load()
    if not isinstance(deployment, Deployment):
        raise ConfigurationError(
            f"a {type(deployment).__name__} is not a deployment: give slate.deployment.load(path), "
            "or nothing for the nearest slate.toml; the store's address is its `redis`, or "
            "SLATE_REDIS"
        )
    return deployment


def load(path: Path | None = None) -> Deployment:
    """The deployment of a slate.toml.

    Args:
        path: the file; by default ``SLATE_CONFIG``, else the nearest slate.toml upwards from the
            working directory. Where ``SLATE_ENV`` names a preview, it is that.

    Raises:
        ConfigurationError: there is none, or it holds a wrong setting.
    """
    file = path or _find()
    try:
        settings = tomllib.loads(file.read_bytes().decode())
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
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise ConfigurationError(f"{file}: unknown {name!r}, {nearest(name, _SETTINGS)}")
        if name != _KEPT and not isinstance(value, str):
            raise ConfigurationError(f"{file}: {name} = {value!r} is not a string")
    for name in ("name", "definitions", "dbt_project"):
        if not settings.get(name):
            raise ConfigurationError(f"{file}: set {name}")
    if not _NAME.fullmatch(settings["name"]):
        raise ConfigurationError(
            f"{file}: name = {settings['name']!r}: the names in the online store begin with it, so "
            "use letters, digits, '_', '-' and '.', as in 'my_shop'"
        )
    root = file.resolve().parent
    data = (Path.cwd() if os.environ.get("SLATE_DATA") else root) / (
        os.environ.get("SLATE_DATA") or settings.get("data") or "data"
    )
    if root.is_relative_to(data.resolve()):
        raise ConfigurationError(
            f"{file}: the data folder is {data}, which holds the deployment itself: give it a "
            "folder of its own (data, or SLATE_DATA), as in 'data'"
        )
    found = Deployment(
        name=settings["name"],
        definitions=settings["definitions"],
        root=root,
        dbt_project=root / settings["dbt_project"],
        data=data,
        redis=os.environ.get("SLATE_REDIS", settings.get("redis", "")),
        demo=settings.get("demo", ""),
        assets=settings.get("assets", ""),
        rankings=settings.get("rankings", ""),
        clock=_clock(file, settings),
        memory=_memory(file, settings),
        kept_generations=_kept(file, settings),
        kept_answers=_kept_answers(file, settings),
    )
    env = os.environ.get(ENV, "")
    if not env:
        return found
    require_preview_name(env, ENV)
    return found.preview(env)


def _clock(file: Path, settings: dict[str, Any]) -> datetime | None:
    """The instant at which the virtual clock stands; None where none is set."""
    text = os.environ.get("SLATE_CLOCK", settings.get("clock", ""))
    where = "SLATE_CLOCK" if "SLATE_CLOCK" in os.environ else f"{file}: clock"
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{where} = {text!r} is not an instant: write it as in '2026-05-01T00:00:00' (UTC), or "
            "leave it empty for the machine's clock"
        ) from None
    instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    if instant > datetime.now(UTC):
        raise ConfigurationError(
            f"{where} = {text!r} lies in the future: a virtual clock is for data of the past; "
            "leave it empty for the machine's clock"
        )
    return instant


def _memory(file: Path, settings: dict[str, Any]) -> str:
    text: str = os.environ.get("SLATE_MEMORY", settings.get("memory", ""))
    share = float(text[:-1]) if _MEMORY.fullmatch(text) and text.endswith("%") else 0.0
    if text and (not _MEMORY.fullmatch(text) or share > 100):
        where = "SLATE_MEMORY" if "SLATE_MEMORY" in os.environ else f"{file}: memory"
        raise ConfigurationError(
            f"{where} = {text!r} is not an amount of memory: write it as in '12GB' or '800MiB', "
            "or as a share of what the machine has, up to '100%'; or leave it empty for half of it"
        )
    return text


def _kept(file: Path, settings: dict[str, Any]) -> int:
    number = settings.get(_KEPT, KEPT_GENERATIONS)
    if type(number) is not int or not 1 <= number <= MOST_KEPT_GENERATIONS:
        raise ConfigurationError(
            f"{file}: {_KEPT} = {number!r} is not a number from 1 to {MOST_KEPT_GENERATIONS}: how "
            "many generations of a view are kept besides the live one"
        )
    return number


def _kept_answers(file: Path, settings: dict[str, Any]) -> int | None:
    text: str = settings.get(_ANSWERS, "")
    try:
        return age_limit(text, f"{file}: {_ANSWERS}")
    except DefinitionError as error:
        raise ConfigurationError(
            f"{error}; or leave it empty to keep logged answers for ever"
        ) from error


def _find() -> Path:
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
