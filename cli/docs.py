"""`slate docs`: the catalogue, a site of all definitions and of what is known of them."""

import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path

from slate.assets.catalogue_site.site import write_site
from slate.cli import processes
from slate.deployment import load


def run(options: Namespace) -> int:
    """Write the site, and print where its first page is."""
    deployment = load()
    folder = deployment.catalogue
    if options.out is not None:
        folder = Path(options.out)
    else:
        processes.make_data(deployment)
    # Of a store that was never filled there is nothing to tell, and it need not be started.
    there = deployment.redis or deployment.online_store.is_dir()
    with processes.store(deployment) if there else nullcontext():
        site = write_site(deployment, folder.absolute())
    print(site.index)
    for gap in site.gaps:
        print(f"slate: {gap}", file=sys.stderr)
    return 0
