"""A function's text, and its shape, change when, and only when, what it computes could."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slate.code import code_text
from slate.code_shape import code_shape
from slate.errors import DefinitionError

# Gives the text of a function of the package, after an edit.
Text = Callable[..., str]

PACKAGE = {
    "scales": """
FACTOR = 3
OTHER = 7

def scaled(x, by=FACTOR):
    return x * by
""",
    "rates": '''
import functools
import math
from collections import OrderedDict

import numpy as np

from {name} import scales
from {name}.scales import scaled

SCALE = 2.0
LIMIT = 9
UNUSED = 5
TABLE = {"a": [1, 2], "b": (3,)}
KINDS = {"tap", "bid", "chat"}
WEIGHTS = np.linspace(0, 1, 5)

@functools.cache
def helper(x):
    """What helps."""
    return x + len(KINDS)

def again(x):
    return rate(x) if x else again(x - 1)

def rate(x):
    """How fast."""
    # a comment
    inner = [OrderedDict(TABLE), WEIGHTS]
    inner.append(LIMIT * (lambda LIMIT: LIMIT)(x))
    return scales.scaled(x) * SCALE + helper(x) - math.sqrt(x) + len(inner) + again(x)

def made(by):
    def rate(x):
        return x * by
    return rate

two, three = made(2), made(3)
''',
}


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Text]:
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def text(
        old: str = "",
        new: str = "",
        function: str = "rate",
        told: Callable[..., str] = code_text,
    ) -> str:
        names.append(f"edited_package_{len(names)}")
        folder = tmp_path / names[-1]
        folder.mkdir()
        (folder / "__init__.py").touch()
        assert not old or any(old in source for source in PACKAGE.values())
        for module, source in PACKAGE.items():
            edited = source.replace(old, new) if old else source
            (folder / f"{module}.py").write_text(edited.replace("{name}", names[-1]))
        importlib.invalidate_caches()
        module = importlib.import_module(f"{names[-1]}.rates")
        return told(getattr(module, function))

    yield text
    for name in [*sys.modules]:
        if name.partition(".")[0] in names:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 2.0", "SCALE = 3.0"),
        ("LIMIT = 9", "LIMIT = 8"),
        ('"a": [1, 2]', '"a": [1, 3]'),
        ('{"tap", "bid", "chat"}', '{"tap", "bid"}'),
        ("np.linspace(0, 1, 5)", "np.linspace(0, 1, 5) + 1e-15"),
        ("return x + len(KINDS)", "return x - len(KINDS)"),
        ("again(x - 1)", "again(x - 2)"),
        ("FACTOR = 3", "FACTOR = 4"),
        ("by=FACTOR):\n    return x * by", "by=FACTOR):\n    return x / by"),
        ("+ len(inner)", "- len(inner)"),
    ],
)
def test_an_edit_of_what_it_computes_changes_it(texts: Text, old: str, new: str) -> None:
    for told in (code_text, code_shape):
        assert texts(old, new, told=told) != texts(told=told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 2.0", "SCALE = 4.0 / 2"),
        ("UNUSED = 5", "UNUSED = 6"),
        ("OTHER = 7", "OTHER = 8"),
        ('{"tap", "bid", "chat"}', '{"chat", "tap", "bid"}'),
        ('"""What helps."""', '"""Nothing."""'),
        ("# a comment", "# another"),
        ("def scaled(x, by=FACTOR)", "def scaled(x: float, by: float=FACTOR) -> float"),
    ],
)
def test_any_other_edit_keeps_it(texts: Text, old: str, new: str) -> None:
    for told in (code_text, code_shape):
        assert texts(old, new, told=told) == texts(told=told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inner", "things"),
        ("def scaled(x, by=FACTOR):\n    return x * by", "def scaled(y, f=3):\n    return y * f"),
        ("SCALE", "RATE"),
        ("helper", "helping"),
        ("import numpy as np\n", "import numpy as numeric\nnp = numeric\n"),
        ("scales.scaled(x)", "scaled(x)"),
        ("inner = ", "inner: list = "),
    ],
)
def test_a_name_is_no_part_of_its_shape(texts: Text, old: str, new: str) -> None:
    assert texts(old, new, told=code_shape) == texts(told=code_shape)


def test_what_encloses_it_is_told(texts: Text) -> None:
    assert texts(function="two") != texts(function="three")


def test_code_that_cannot_be_read_is_an_error() -> None:
    scope: dict[str, object] = {"__name__": "nowhere"}
    exec("def rate(x): return x", scope)
    with pytest.raises(DefinitionError, match=r"rate cannot be read.*in a module"):
        code_text(scope["rate"])  # type: ignore[arg-type]
