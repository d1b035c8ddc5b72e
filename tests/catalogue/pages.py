"""Pages of a site as a browser reads them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "input", "br", "img", "rect", "path", "link"}


@dataclass
class Read(HTMLParser):
    """What is in a page: its tags with their attributes, ids, links and text."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"{tag} ends within another"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data

    @property
    def names(self) -> list[str]:
        """The tags."""
        return [tag for tag, _ in self.tags]

    @property
    def ids(self) -> list[str]:
        return [found["id"] for _, found in self.tags if "id" in found]

    @property
    def links(self) -> list[str]:
        return [found["href"] for tag, found in self.tags if tag == "a"]


def read(page: Path) -> Read:
    """A page, whose tags end where they have to."""
    found = Read()
    found.feed(page.read_text())
    found.close()
    assert found.open == []
    return found


def site(folder: Path) -> dict[Path, Read]:
    """All pages of a site."""
    return {page: read(page) for page in sorted(folder.rglob("*.html"))}


def broken_links(pages: dict[Path, Read]) -> Iterator[str]:
    """Links that lead nowhere, and ids that several have."""
    for page, found in pages.items():
        ids = [one for one in found.ids if found.ids.count(one) > 1]
        if ids:
            yield f"{page.name} has {ids} twice"
        for link in found.links:
            path, _, part = link.partition("#")
            there = (page.parent / path).resolve() if path else page.resolve()
            other = next((p for p in pages if p.resolve() == there), None)
            if other is None or (part and part not in pages[other].ids):
                yield f"{page.name}: {link}"
