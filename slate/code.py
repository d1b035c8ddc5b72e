"""What a function computes, as text: its code, and the constants and functions that it names."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from slate.errors import DefinitionError
from slate.expressions import render

Function = Callable[..., Any]


def code_text(function: Function) -> str:
    """A function as a text that changes when, and only when, what it computes could.

    Constants are told by their values, functions of its own package by their code in turn; other
    packages are told by their names in the code. Comments, docstrings, layout and annotations are
    left out.

    Raises:
        DefinitionError: the code cannot be read.
    """
    told: dict[Function, list[str]] = {}

    def tell(function: Function) -> None:
        lines = told[function] = [source_text(function)]
        for name, value in _named(function):
            value = inspect.unwrap(value) if callable(value) else value
            if isinstance(value, FunctionType):
                if _package(value) == _package(function) and value not in told:
                    tell(value)
            elif constant := _constant(value):
                lines.append(f"{name} = {constant}")

    tell(function)
    return "\n".join(line for lines in told.values() for line in lines)


def source_text(function: Function) -> str:
    """A function's code without its comments, docstrings, layout and annotations.

    Raises:
        DefinitionError: it cannot be read.
    """
    name = inspect.unwrap(function).__code__.co_name
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        # Of code from no file, Python 3.13 finds lines of what it was started with.
        if name != "<lambda>" and name not in _defined(tree):
            raise OSError("its lines are those of other code")
    except (OSError, SyntaxError) as error:
        raise DefinitionError(
            f"the code of {function.__qualname__} cannot be read ({error}): write it as a function "
            "in a module"
        ) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)


def _defined(tree: ast.Module) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _package(value: Function | ModuleType) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    return name.partition(".")[0]


def _named(function: Function) -> Iterator[tuple[str, Any]]:
    """The values outside of a function that its code names."""
    names = set(_names(function.__code__))
    closure = inspect.getclosurevars(function).nonlocals
    scope = {**function.__globals__, **closure}
    yield "defaults", (function.__defaults__, function.__kwdefaults__)
    for name in sorted(names & scope.keys()):
        value = scope[name]
        if not isinstance(value, ModuleType):
            yield name, value
        elif _package(value) == _package(function):
            yield from ((n, vars(value)[n]) for n in sorted(names & vars(value).keys()))


def _names(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _constant(value: object) -> str:
    """A constant's text; empty for what is none, and has no text that says all of it."""
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes() | date() | timedelta():
            return repr(value)
        case np.generic() | np.ndarray():
            return render(value)
        case list() | tuple():
            return f"[{', '.join(map(_constant, value))}]"
        case set() | frozenset():
            return f"{{{', '.join(sorted(map(_constant, value)))}}}"
        case dict():
            items = (f"{_constant(key)}: {_constant(item)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
    return ""
