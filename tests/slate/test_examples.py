"""The examples in the documentation of the language run as written."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import slate

# The packages of other folders are links.
MODULES = [
    found.name
    for folder in Path(slate.__path__[0]).iterdir()
    if folder.is_dir() and not folder.is_symlink()
    for found in pkgutil.walk_packages([str(folder)], f"slate.{folder.name}.")
] + [found.name for found in pkgutil.iter_modules(slate.__path__, "slate.") if not found.ispkg]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    find = doctest.DocTestFinder().find
    found = [one for name in MODULES for one in find(importlib.import_module(name))]
    assert sum(len(one.examples) for one in found) > 5
