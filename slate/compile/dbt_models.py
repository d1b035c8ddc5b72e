"""The dbt models that definitions name and others write: whether the dbt project has them."""

import re
from collections.abc import Iterator
from pathlib import Path

from slate.compile.staging import staged
from slate.errors import ConfigurationError, close
from slate.importing import place_of
from slate.registry import Registry
from slate.sources import Source
from slate.views import FeatureView

_PACKAGES, _PACKAGE_LISTS = "dbt_packages", ("packages.yml", "dependencies.yml")
# What dbt writes, what it installs, and what is no model.
_PASSED_OVER = {"target", "logs", _PACKAGES, "macros", "tests", "analyses"}
GENERATED = Path("models/generated")
_FILES = {".sql", ".py", ".csv"}
_SNAPSHOT = re.compile(r"\{%-?\s*snapshot\s+(\w+)")
_NAMED_HERE = re.compile(r"^\s*(?:snapshots|versions):", re.MULTILINE)
_NAME = re.compile(r"^\s*-?\s*name:\s*[\"']?(\w+)", re.MULTILINE)


def require_models(registry: Registry, project: Path) -> None:
    """Refuse definitions that name a model which the dbt project does not have.

    Args:
        registry: the definitions.
        project: the dbt project's folder.

    Raises:
        ConfigurationError: naming each, with its file and line.
    """
    if not (project / _PACKAGES).is_dir() and any((project / f).is_file() for f in _PACKAGE_LISTS):
        return  # packages that are not installed yet may have any
    own = {name for file in _files(project) for name in _names(file, project)}
    known = own | {file.stem for file in _package_files(project) if file.suffix in _FILES}
    wrong = [
        f"{place_of(definition, 'model')}{definition.__name__}.model: {project} has no model, seed "
        f"or snapshot {definition.model!r}{_hint(definition.model, own)}"
        for definition in _naming(registry)
        if definition.model not in known
    ]
    if wrong:
        raise ConfigurationError("\n".join(wrong))


def _naming(registry: Registry) -> Iterator[type[FeatureView] | type[Source]]:
    """The definitions that name a model which is not generated."""
    generated = staged(registry)
    yield from (source for source in registry.sources.values() if source not in generated)
    yield from (view for view in registry.views.values() if not view.windowed)


def _hint(name: str, known: set[str]) -> str:
    near = close(name, known)
    return f", did you mean {near!r}?" if near else f": write models/{name}.sql"


def _files(project: Path) -> Iterator[Path]:
    for path in project.iterdir():
        if path.is_dir() and path.name not in _PASSED_OVER and not path.name.startswith("."):
            yield from (file for file in path.rglob("*") if file.is_file())


def _package_files(project: Path) -> Iterator[Path]:
    """The files of installed packages; one of this machine is a link."""
    folder = project / _PACKAGES
    for package in folder.iterdir() if folder.is_dir() else ():
        yield from (file for file in package.resolve().rglob("*") if file.is_file())


def _names(file: Path, project: Path) -> Iterator[str]:
    """What a file of a project may be referred to by."""
    if file.suffix in _FILES:
        yield file.stem
    if file.suffix == ".sql" and "snapshot" in (text := file.read_text(errors="replace")):
        yield from _SNAPSHOT.findall(text)
    # Snapshots and versions of models are named there alone.
    if file.suffix in (".yml", ".yaml") and project / GENERATED not in file.parents:
        text = file.read_text(errors="replace")
        yield from _NAME.findall(text) if _NAMED_HERE.search(text) else ()
