"""What a function computes, as text: its code, and the constants and functions that it names."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, timedelta, tzinfo
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
                if package_of(value) == package_of(function) and value not in told:
                    tell(value)
            elif constant := constant_text(value):
                lines.append(f"{name} = {constant}")

    tell(function)
    return "\n".join(line for lines in told.values() for line in lines)


def source_text(function: Function) -> str:
    """A function's code without its comments, docstrings, layout and annotations.

    Raises:
        DefinitionError: it cannot be read.
    """
    return ast.unparse(source_tree(function))


def source_tree(function: Function) -> ast.Module:
    """A function's code as Python reads it, without docstrings and annotations.

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
    return tree


def _defined(tree: ast.Module) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def package_of(value: Function | ModuleType) -> str:
    """The package that a function or a module is of."""
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    return name.partition(".")[0]


def scope_of(function: Function) -> dict[str, Any]:
    """The values outside of a function, by the names that it can call them."""
    return {**function.__globals__, **inspect.getclosurevars(function).nonlocals}


def _named(function: Function) -> Iterator[tuple[str, Any]]:
    """The values outside of a function that its code names."""
    names, scope = set(names_in(function.__code__)), scope_of(function)
    if function.__defaults__ or function.__kwdefaults__:
        yield "defaults", (function.__defaults__, function.__kwdefaults__)
    for name in sorted(names & scope.keys()):
        value = scope[name]
        if not isinstance(value, ModuleType):
            yield name, value
        elif package_of(value) == package_of(function):
            yield from ((n, vars(value)[n]) for n in sorted(names & vars(value).keys()))


def names_in(code: CodeType) -> Iterator[str]:
    """The names that code looks up outside of itself, and those of attributes."""
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def constant_text(value: object) -> str:
    """A constant's text; empty for what is none, and has no text that says all of it."""
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes() | date() | timedelta():
            return repr(value)
        case tzinfo():
            return repr(value)
        case np.generic() | np.ndarray():
            return render(value)
        case list() | tuple():
            return f"[{', '.join(map(constant_text, value))}]"
        case set() | frozenset():
            return f"{{{', '.join(sorted(map(constant_text, value)))}}}"
        case dict():
            items = (f"{constant_text(key)}: {constant_text(item)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
    return ""
