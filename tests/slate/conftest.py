import sys
from collections.abc import Iterator

import pytest

from slate import Registry
from tests.slate.edited import TEXT, Read, imported


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Reads a module's definitions, each time as another module."""
    folder = tmp_path_factory.mktemp("edited")
    names = []

    def run(text: str) -> Registry:
        names.append(f"edited_{len(names)}")
        file = folder / f"{names[-1]}.py"
        file.write_text(text)
        return Registry.from_module(imported(names[-1], file))

    yield run
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def unedited(read: Read) -> Registry:
    return read(TEXT)
