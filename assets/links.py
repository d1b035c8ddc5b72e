"""Ways from Dagster's pages to those of the catalogue and of reports.

A browser opens no path of another machine, nor does Dagster make a link of one. So where
slate.toml says at which address a web server has the folder, metadata have the page's address.
"""

from pathlib import Path
from urllib.parse import quote

import dagster as dg

from slate.deployment import Deployment

PageLink = dg.UrlMetadataValue | dg.PathMetadataValue


def catalogue_link(deployment: Deployment, page: str) -> PageLink:
    """The way to a page of the catalogue.

    Args:
        deployment: the deployment.
        page: where it lies in the catalogue's folder, perhaps with a place on it behind ``#``.
    """
    return _link(deployment, deployment.catalogue, deployment.catalogue_url, page)


def report_link(deployment: Deployment, page: Path) -> PageLink:
    """The way to the report of a check.

    Args:
        deployment: the deployment.
        page: the file, below the folder of reports.
    """
    relative = page.relative_to(deployment.reports).as_posix()
    return _link(deployment, deployment.reports, deployment.reports_url, relative)


def _link(deployment: Deployment, folder: Path, address: str, page: str) -> PageLink:
    # There are production's pages, and a preview has its own.
    if address and not deployment.env:
        return dg.MetadataValue.url(f"{address}/{quote(page, safe='/#')}")
    return dg.MetadataValue.path(str(folder / page))
