"""Writing the catalogue: rendered pages, whole when they are seen, without what is no longer."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files as resources
from pathlib import Path

from jinja2 import BaseLoader, DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from slate.assets.catalogue_site.addresses import INDEX, RUNS, up
from slate.assets.catalogue_site.known import Known, known
from slate.assets.catalogue_site.pages import Page, Pages
from slate.assets.catalogue_site.spreads import LEAST_VALUES, short
from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.quality.files import write_atomically
from slate.time_words import age, minute

# What was written here, so that what is no longer made can be removed.
WRITTEN = ".slate-catalogue.json"
# What names of definitions are made of, where they stand among other words.
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)?")


@dataclass(frozen=True)
class Site:
    """A catalogue that was written.

    Attributes:
        index: its first page.
        pages: how many pages it has.
        gaps: what could not be told, and why.
    """

    index: Path
    pages: int
    gaps: list[str]


def write_site(deployment: Deployment, folder: Path) -> Site:
    """Write a deployment's catalogue, in the place of what was written there before.

    Args:
        deployment: the deployment.
        folder: where; it is made if need be.

    Raises:
        ConfigurationError: the folder holds another site, or cannot be written.
    """
    before = _written_before(folder)
    if before is None and (folder / INDEX).exists():
        raise ConfigurationError(
            f"{folder} holds a site that `slate docs` did not write, or whose {WRITTEN} is gone "
            "or damaged: remove it, or give another folder, as in `slate docs --out catalogue`"
        )
    told = known(deployment)
    try:
        if before is None:
            # Whoever is stopped on the way has begun a site of ours.
            write_atomically(folder / WRITTEN, "[]\n")
        pages = _write(deployment, told, folder)
        for name in set(before or ()) - set(pages):
            (folder / name).unlink(missing_ok=True)
        write_atomically(folder / WRITTEN, json.dumps(pages) + "\n")
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror}): see that this user may write there, "
            "or give another folder by --out"
        ) from error
    return Site(folder / INDEX, len(pages), told.gaps)


def _written_before(folder: Path) -> list[str] | None:
    """The pages of the catalogue that is there; None where there is none."""
    try:
        found = json.loads((folder / WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # Only what can be a page of ours is ever removed.
    pages = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    return [name for name in pages if name.endswith(".html") and ".." not in Path(name).parts]


def _write(deployment: Deployment, told: Known, folder: Path) -> list[str]:
    pages = Pages(deployment, told)
    environment = _environment(pages.names)
    written = []
    for page in pages.all():
        write_atomically(folder / page.address, _rendered(environment, deployment, told, page))
        written.append(page.address)
    return written


def _rendered(environment: Environment, deployment: Deployment, told: Known, page: Page) -> str:
    return environment.get_template(page.template).render(
        page.content,
        title=page.title,
        deployment=deployment.name,
        known=told,
        gaps=[_nameless(deployment, gap) for gap in told.gaps],
        root=up(page.address),
        index=INDEX,
        runs_index=RUNS,
    )


def _nameless(deployment: Deployment, text: str) -> str:
    """A text without the folders of this machine, which are nobody's business."""
    for folder in (deployment.data, deployment.root):
        text = text.replace(f"{folder}/", "")
    return text


@cache
def _templates() -> dict[str, str]:
    """The templates by name; a process that runs on while Slate is renewed keeps those it has."""
    folder = resources("slate.assets.catalogue_site") / "templates"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def _environment(names: Mapping[str, str]) -> Environment:
    """What renders: every text is escaped, and one script is let run, which is ours."""
    texts = _templates()
    loader: BaseLoader = DictLoader(texts)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = texts["page.js"]
    environment.globals |= {
        "style": Markup(texts["style.css"]),
        "script": Markup(script),
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "least_values": LEAST_VALUES,
    }

    def linked(text: object, root: str) -> Markup:
        """A text in which names of definitions are links."""
        said, parts, at = str(text), [], 0
        for found in _NAME.finditer(said):
            page = names.get(found[0])
            if page is None and "." in found[0]:
                page = names.get(found[0].partition(".")[0])
            if page is not None:
                parts += [
                    escape(said[at : found.start()]),
                    Markup('<a href="{}">{}</a>').format(root + page, found[0]),
                ]
                at = found.end()
        return Markup("").join([*parts, escape(said[at:])])

    environment.filters |= {"linked": linked, "short": short, "minute": minute, "age": age}
    environment.filters |= {"percent": _percent, "mb": lambda size: f"{size / 1e6:,.1f} MB"}
    return environment


def _percent(share: float) -> str:
    """A share, in which little is not nothing."""
    if 0 < share < 0.001:
        return "< 0.1%"
    return f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"
