"""Where each page of the catalogue lies, below its folder."""

from pathlib import PurePosixPath

from slate.entities import Entity
from slate.features import Feature
from slate.services import FeatureService
from slate.sources import Source
from slate.views import FeatureView, RequestFeatures

INDEX = "index.html"
RUNS = "runs/index.html"


def address(definition: object) -> str:
    """The page of a definition; of a feature, its place on the page of its view.

    Args:
        definition: an entity, a source, a view, a version of a service, or a feature.
    """
    if isinstance(definition, Feature):
        return f"{address(definition.view)}#feature-{definition.column}"
    if isinstance(definition, FeatureService):
        return f"services/{definition.full_name}.html"
    if isinstance(definition, type):
        if issubclass(definition, Entity):
            return f"entities/{definition.name}.html"
        if issubclass(definition, Source):
            return f"sources/{definition.name}.html"
        if issubclass(definition, FeatureView | RequestFeatures):
            return f"views/{definition.name}.html"
    raise TypeError(f"{definition!r} has no page")


def candidates_address(name: str) -> str:
    """The page of a candidate set, by the name that ``definition_code`` gives it."""
    return f"candidates/{name}.html"


def run_address(folder: str) -> str:
    """The page of a run, by the name of its folder of reports."""
    return f"runs/{folder}.html"


def up(page: str) -> str:
    """The way from a page to the site's own folder, to put before another page's address."""
    return "../" * (len(PurePosixPath(page).parts) - 1)
