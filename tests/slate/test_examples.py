"""The examples in the documentation of the language run as written."""

import doctest
import importlib
import pkgutil

import pytest

import slate

MODULES = [found.name for found in pkgutil.walk_packages(slate.__path__, "slate.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES) > 5
