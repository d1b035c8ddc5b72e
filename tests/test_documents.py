"""What documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "examples").glob("**/README.md"),
]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#([^)]+))?\)|\]\(#([^)]+)\)")
FILE = re.compile(r"`([a-z_]+/[\w./]*)`")


def heading(text: str) -> str:
    """A heading as links name it."""
    return re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")


def headings(document: Path) -> set[str]:
    return {heading(line) for line in re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for path, part, own in LINK.findall(document.read_text()):
        there = document.parent / path if path else document
        assert there.exists(), path
        if part or own:
            assert (part or own) in headings(there), part or own


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_are_named_are_there(name: str) -> None:
    named = FILE.findall((ROOT / name).read_text())
    assert len(named) > 2
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_architecture_has_every_folder() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    packages = {path.parent for path in ROOT.glob("*/__init__.py")}
    assert [path.name for path in packages if f"`{path.name}/`" not in text] == []
