"""The asset of the catalogue: the site is written anew at the end of each run."""

import time

import dagster as dg

from slate.assets.catalogue_site.addresses import INDEX
from slate.assets.catalogue_site.site import write_site
from slate.assets.database import POOL
from slate.assets.failures import explained
from slate.assets.links import catalogue_link
from slate.deployment import Deployment

GROUP = "catalogue"
# Models are called by one name alone, and tables of theirs by a schema; this is none.
KEY = dg.AssetKey(["site", "catalogue"])
# Of the steps that could be next, those of a higher priority are; others have 0.
LAST = "-10"


def catalogue_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """The catalogue.

    It depends on nothing, so that it is written also where something has failed, which it tells
    of. Its priority makes it the last step of a run, in which one step follows the other.
    """

    @dg.asset(
        key=KEY,
        description="A site of all definitions, and of what is known of them: checks, "
        "distributions, freshness, lineage, who uses what. Open its index.html in a browser.",
        group_name=GROUP,
        kinds={"html"},
        op_tags={"dagster/priority": LAST},
        # Where another run has the warehouse, it waits with the steps that have to.
        pool=POOL,
    )
    @explained
    def catalogue(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        started = time.perf_counter()
        site = write_site(deployment, deployment.catalogue)
        seconds = time.perf_counter() - started
        for gap in site.gaps:
            context.log.info(gap)
        context.log.info(f"{site.pages} pages in {seconds:.1f} s: {site.index}")
        return dg.MaterializeResult(
            metadata={
                "path": catalogue_link(deployment, INDEX),
                "pages": site.pages,
                "seconds": round(seconds, 3),
            }
        )

    return [catalogue]
