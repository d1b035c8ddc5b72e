"""What a function computes, whatever its names: the same for two texts that differ by these alone.

Unlike ``slate.code.code_text`` it is not to be read; it is the same on every version of Python.
"""

import ast
import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from slate.code import Function, constant_text, names_in, package_of, scope_of, source_tree

# What parsing adds that is no part of what is computed.
_PASSED_OVER = {"ctx", "type_comment", "type_params", "kind"}
# The fields in which a node gives a name to a value.
_NAMING = {
    ast.FunctionDef: "name", ast.arg: "arg", ast.ExceptHandler: "name", ast.MatchAs: "name",
    ast.MatchStar: "name", ast.MatchMapping: "rest",
}  # fmt: skip


def code_shape(function: Function) -> str:
    """A function as a text in which names are numbers, and constants their values.

    Functions of its own package are part of it, wherever they lie.

    Raises:
        DefinitionError: the code cannot be read.
    """
    return "\n".join(_Shapes().told(function))


class _Shapes:
    """The shapes of a function and of those that it calls, each once."""

    def __init__(self) -> None:
        self._numbers: dict[Function, int] = {}
        self._texts: list[str] = []

    def told(self, function: Function) -> list[str]:
        """The texts, the function's own first."""
        self.number(function)
        return self._texts

    def number(self, function: Function) -> int:
        """The number of a function among those told."""
        if function not in self._numbers:
            self._numbers[function] = place = len(self._texts)
            self._texts.append("")
            defaults = constant_text((function.__defaults__, function.__kwdefaults__))
            self._texts[place] = f"{_Shape(self, function).text} {defaults}"
        return self._numbers[function]


class _Shape:
    """One function's code, with numbers in place of its own names."""

    def __init__(self, shapes: _Shapes, function: Function) -> None:
        self._shapes = shapes
        self._package = package_of(function)
        self._scope = scope_of(function)
        tree = source_tree(function)
        # Its own name is one of the scope around it.
        self._whole = tree.body[0]
        self._own = set(_own_names(tree, self._whole))
        self._numbers: dict[str, int] = {}
        # A name may be one thing inside, and another where it is looked up outside.
        both = self._own & self._scope.keys() & set(names_in(function.__code__))
        values = [self._value(name, self._scope[name]) for name in sorted(both)]
        self.text = " ".join([self.of(tree), *values])

    def of(self, node: Any) -> str:
        """A part of the code."""
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Constant(value=value):
                return constant_text(value) or repr(value)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if self._in_module(name):
                module = self._scope[name]
                return self._value(attribute, getattr(module, attribute))
            case ast.AnnAssign(target=target, value=ast.AST() as value):
                return self.of(ast.Assign(targets=[target], value=value))
            case ast.AST():
                fields = (
                    f"{field}={self._field(node, field, value)}"
                    for field, value in ast.iter_fields(node)
                    if field not in _PASSED_OVER and value not in (None, [])
                )
                return f"{type(node).__name__}({', '.join(fields)})"
            case list():
                return f"[{', '.join(map(self.of, node))}]"
        return repr(node)

    def _field(self, node: ast.AST, field: str, value: Any) -> str:
        if _NAMING.get(type(node)) == field:
            return "" if node is self._whole else self._name(value)
        if isinstance(node, ast.Global | ast.Nonlocal):
            return ", ".join(map(self._name, value))
        return self.of(value)

    def _name(self, name: str) -> str:
        if name in self._own:
            return f"#{self._numbers.setdefault(name, len(self._numbers))}"
        return self._value(name, self._scope[name]) if name in self._scope else name

    def _in_module(self, name: str) -> bool:
        """Whether a name is that of a module of the function's own package."""
        module = self._scope.get(name)
        return (
            name not in self._own
            and isinstance(module, ModuleType)
            and package_of(module) == self._package
        )

    def _value(self, name: str, value: Any) -> str:
        """A value from outside of the function."""
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, FunctionType):
            if package_of(value) == self._package:
                return f"function {self._shapes.number(value)}"
            return f"{package_of(value)} {value.__qualname__}"
        return constant_text(value) or name


def _own_names(tree: ast.AST, whole: ast.stmt) -> Iterator[str]:
    """The names that a function gives to values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif node is not whole and type(node) in _NAMING:
            name = getattr(node, _NAMING[type(node)])
            if name is not None:
                yield name
