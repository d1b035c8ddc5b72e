"""`slate docs`: the catalogue, a site of all definitions and of what is known of them."""

import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from slate.assets.catalogue_site.site import write_site
from slate.cli import processes
from slate.cli.site_server import HOST, serve
from slate.deployment import load


def run(options: Namespace) -> int:
    """Write the site, and print where its first page is; serve it where that is asked for."""
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
    if options.serve is not None:
        port = options.serve or own_port(deployment.catalogue_url)
        serve(folder, port, _say)
    return 0


def _say(address: str) -> None:
    print(f"{address} has it; interrupt to stop", flush=True)


def own_port(address: str) -> int:
    """The port of loopback at which Dagster's links look for the catalogue; 0 where they do not."""
    parts = urlsplit(address)
    is_own = parts.scheme == "http" and parts.hostname in (HOST, "localhost") and not parts.path
    return parts.port or 0 if is_own else 0
