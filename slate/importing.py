"""Importing a module of definitions, so that whatever is wrong in it is told with its place."""

import importlib
from pathlib import Path
from types import ModuleType, TracebackType

from slate.errors import ConfigurationError, DefinitionError, SlateError

_SLATE = Path(__file__).parent


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
        raise type(error)(f"{_place(error)}{error}") from error
    except SlateError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{_place(error)}{type(error).__name__}: {error}: the definitions module {name!r} "
            "cannot be imported until that is fixed"
        ) from error


def _place(error: Exception) -> str:
    """The last file and line of the definitions that led to an error; empty if none did."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{_shown(Path(error.filename))}:{error.lineno}: "
    found = ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        # What is neither Slate's nor Python's own import machinery.
        if path.is_file() and _SLATE not in path.parents and path.parent.name != "importlib":
            found = f"{_shown(path)}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return found


def _shown(path: Path) -> Path:
    """A path, as short as it can be."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
