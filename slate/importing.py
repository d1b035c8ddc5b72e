"""Importing a module of definitions, so that whatever is wrong in it is told with its place."""

import ast
import builtins
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, ModuleType

import numpy as np

from slate import aggregates
from slate.errors import ConfigurationError, DefinitionError, SlateError

# What definitions call, by operators too; their own mistakes are none of these files'.
_CALLED = (Path(__file__).parent, Path(np.__file__).parent)
# What is written in place of functions of Python that have none of that name here.
_INSTEAD = {
    **dict.fromkeys(("any", "all"), "count the events, as in count(where=..., over='1h')"),
    "len": "count events by count(over='1h'), different values by distinct(...)",
    "round": "write np.round(...) in request features",
}


def import_definitions(name: str) -> ModuleType:
    """A module of definitions, by its name.

    Raises:
        ConfigurationError: there is no such module, or Python cannot run it.
        DefinitionError: one of its definitions is wrong. The message begins with file and line.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the definitions module {name!r} cannot be imported ({error}): "
            "set `definitions` in slate.toml to a module on the Python path"
        ) from error
    except DefinitionError as error:
        raise type(error)(f"{place_of_error(error)}{error}") from error
    except SlateError:
        raise
    except Exception as error:
        instead = _not_imported(error) or _in_place_of_pythons(error)
        raise ConfigurationError(
            f"{place_of_error(error)}{type(error).__name__}: {error}: "
            + (instead or f"the definitions module {name!r} cannot be imported until that is fixed")
        ) from error


def place_of(definition: type, member: str) -> str:
    """The file and line of a member of a definition, as a message begins; empty if not known."""
    try:
        path, (_, line) = Path(inspect.getfile(definition)), inspect.getsourcelines(definition)
        line = _line_of_member(path, line, f"{definition.__name__}.{member}")
    except (OSError, TypeError, SyntaxError):
        return ""
    return f"{_shown(path)}:{line}: "


def lines_of(definition: type) -> tuple[Path, list[int]] | None:
    """The file of a class, and the lines on which it has classes of that name; None if unknown."""
    try:
        path = Path(inspect.getfile(definition))
        tree = ast.parse(path.read_bytes())
    except (OSError, TypeError, SyntaxError):
        return None
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    lines = sorted(node.lineno for node in classes if node.name == definition.__name__)
    return _shown(path), lines


def require_each_once(module: ModuleType, is_definition: Callable[[object], bool]) -> None:
    """Refuse a definition that takes the place of another of its name in the same module.

    Python keeps the second without a word, and what nobody refers to would not be missed. A name
    that is given within a condition may be given again.

    Args:
        module: the module.
        is_definition: whether something is a definition.

    Raises:
        DefinitionError: naming the file and both lines.
    """
    try:
        path = Path(inspect.getfile(module))
        statements = ast.parse(path.read_bytes()).body
    except (OSError, TypeError, SyntaxError):
        return  # its source is not at hand, as of a notebook
    first: dict[str, int] = {}
    for statement in statements:
        name = _defined(statement)
        if name is None or not is_definition(getattr(module, name, None)):
            continue
        line = first.setdefault(name, statement.lineno)
        if line != statement.lineno:
            raise DefinitionError(
                f"{_shown(path)}:{statement.lineno}: {name} is defined twice, lines {line} and "
                f"{statement.lineno}, and the second takes the place of the first: rename one"
            )


def _defined(statement: ast.stmt) -> str | None:
    """The name that a statement gives to a class, or to what a call makes, as to a service."""
    match statement:
        case ast.ClassDef(name=name):
            return name
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Call())
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call())
        ):
            return name
    return None


def place_of_error(error: Exception) -> str:
    """The last file and line that led to an error, as a message begins; empty if none did."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{_shown(Path(error.filename))}:{error.lineno}: "
    frames = [*_definitions_frames(error)]
    if not frames:
        return ""
    frame, line = frames[-1]
    path = Path(frame.f_code.co_filename)
    return f"{_shown(path)}:{_line_of_member(path, line, str(error))}: "


def _definitions_frames(error: Exception) -> Iterator[tuple[FrameType, int]]:
    """Where an error came by, with the lines: what is neither Slate's, NumPy's nor Python's own."""
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        called = any(folder in path.parents for folder in _CALLED)
        if path.is_file() and not called and path.parent.name != "importlib":
            yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _line_of_member(path: Path, line: int, message: str) -> int:
    """The line of the member that a message names, of the class that begins at a line.

    A class is made of its members when its body has been read, so what is wrong with one of them
    is raised at the line of the class.

    Args:
        path: the file.
        line: the line at which the error was raised, which is given back where it is no class's.
        message: what is wrong; members are named as in ``Orders.spend``.
    """
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ClassDef):
            begins = {node.lineno, *(one.lineno for one in node.decorator_list)}
            if line in begins:
                lines = {name: one.lineno for one in node.body for name in _names(one)}
                named = re.findall(rf"\b{node.name}\.(\w+)", message)
                return next((lines[name] for name in named if name in lines), line)
    return line


def _names(statement: ast.stmt) -> Iterator[str]:
    """What a statement of a class's body gives a name to."""
    match statement:
        case ast.Assign(targets=targets):
            for target in targets:
                yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            yield name


def _not_imported(error: Exception) -> str:
    """What to write where an aggregate was not imported; empty of anything else."""
    name = error.name if isinstance(error, NameError) else ""
    return f"write `from slate import {name}`" if name in aggregates.__all__ else ""


def _in_place_of_pythons(error: Exception) -> str:
    """What to write where a function of Python was called for one of Slate's; empty if none was.

    Python's ``sum`` and its like are there without an import, and know no ``over``.
    """
    called = re.search(r"\b([a-z]+)\(\)", str(error))
    frames = [frame for frame, _ in _definitions_frames(error)]
    if not (isinstance(error, TypeError) and called and frames):
        return ""
    name = called[1]
    if not hasattr(builtins, name) or name in {**frames[-1].f_globals, **frames[-1].f_locals}:
        return ""
    if name in aggregates.__all__:
        return f"this is Python's own {name}: for the aggregate write `from slate import {name}`"
    instead = _INSTEAD.get(name)
    return f"this is Python's own {name}: {instead}" if instead else ""


def _shown(path: Path) -> Path:
    """A path, as short as it can be."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
