"""The comments of a class body are its catalogue's text; what is told to tools is not."""

from importlib import import_module
from pathlib import Path

import pytest

from slate.comments import comments

BODY = """
class Body:
    beside: int  # dollars
    alone: int  # type: ignore[misc]
    both: int  # dollars  # type: ignore[misc]
    first: int  # noqa: E501  # seconds
    # The latest,
    # of all.
    # fmt: skip
    above = 1
    # Of all.
    kept: int  # noqa
    said = 2  # the type: a name, fmt and noqa are words too
"""


def test_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_class_with_comments.py").write_text(BODY)
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("a_class_with_comments")
    assert comments(module.Body) == {
        "beside": "dollars",
        "both": "dollars",
        "first": "seconds",
        "above": "The latest, of all.",
        "kept": "Of all.",
        "said": "the type: a name, fmt and noqa are words too",
    }
