"""The deployment: its definitions, its dbt project, and what lies where in its data folder.

It is what a slate.toml says (``slate.settings``). ``SLATE_ENV`` names a preview of it: the same
definitions with data and online keys of its own.
"""

import os
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from slate.errors import ConfigurationError
from slate.preview_names import preview_folder, preview_name, require_preview_name
from slate.registry import Registry
from slate.settings import KEPT_GENERATIONS, DeploymentSettings, find

# The variable that names a preview.
ENV = "SLATE_ENV"


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
        catalogue_url: where a web server has the folder of the catalogue, without a slash at the
            end; empty if none has it.
        reports_url: the same of the folder of reports.
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
    catalogue_url: str = ""
    reports_url: str = ""
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
    settings = DeploymentSettings(path or find())
    found = Deployment(
        name=settings.text("name"),
        definitions=settings.text("definitions"),
        root=settings.root,
        dbt_project=settings.root / settings.text("dbt_project"),
        data=settings.data,
        redis=settings.redis,
        demo=settings.text("demo"),
        assets=settings.text("assets"),
        rankings=settings.text("rankings"),
        clock=settings.clock,
        memory=settings.memory,
        kept_generations=settings.kept_generations,
        kept_answers=settings.kept_answers,
        catalogue_url=settings.address("catalogue_url"),
        reports_url=settings.address("reports_url"),
    )
    env = os.environ.get(ENV, "")
    if not env:
        return found
    require_preview_name(env, ENV)
    return found.preview(env)
