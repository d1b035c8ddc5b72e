"""What commands need that start other processes: dbt, Dagster, the embedded store."""

import os
import shlex
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from warnings import filterwarnings

from slate.deployment import ENV, Deployment
from slate.errors import ConfigurationError
from slate.online.store.addresses import shown
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import open_store

# For how many seconds a store may be silent before it is taken for lost: no reply takes as long.
TIMEOUT = 10.0
# What Dagster warns of: once for every asset, and of `dagster dev`, whose successor needs a project
# of another form.
KNOWN = (
    "Parameter `backfill_policy` of function `asset` is currently in beta",
    "Function `dev_com",
)


def prepare(deployment: Deployment) -> None:
    """Make what is started find our programs and the deployment, and every stop a clean one."""
    make_data(deployment)
    if not sys.stderr.isatty() or "NO_COLOR" in os.environ:
        os.environ["DBT_USE_COLORS"] = "false"
    # Others have another working directory.
    os.environ["SLATE_DATA"] = str(deployment.production.data.absolute())
    os.environ[ENV] = deployment.env
    config = os.environ.get("SLATE_CONFIG") or deployment.root / "slate.toml"
    os.environ["SLATE_CONFIG"] = str(Path(config).absolute())
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "1"
    filters = [os.environ.get("PYTHONWARNINGS"), *(f"ignore:{warning}" for warning in KNOWN)]
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, filters))
    for warning in KNOWN:
        filterwarnings("ignore", warning)
    # A shell makes what it starts with & deaf to interrupts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def require_machine_clock(deployment: Deployment) -> None:
    """Refuse to stream by a virtual clock: the store stamps arrivals by the time that it is.

    Raises:
        ConfigurationError: the deployment's clock is a virtual one.
    """
    if deployment.clock is not None:
        raise ConfigurationError(
            f"the clock of {deployment.name} stands at {deployment.clock:%Y-%m-%d %H:%M:%S}, and "
            "what streams arrives now: take `clock` out of slate.toml (or unset SLATE_CLOCK)"
        )


def make_data(deployment: Deployment) -> None:
    """Make the data folder; tell where it is one that every user of this machine can read."""
    deployment.make_data()
    if deployment.data.stat().st_mode & stat.S_IROTH:
        print(
            f"slate: every user of this machine can read {deployment.data}: unless that is meant, "
            f"chmod 700 {shlex.quote(str(deployment.data))}",
            file=sys.stderr,
        )


@dataclass(frozen=True)
class Store:
    """The online store.

    Attributes:
        address: its address; not to be printed, as it may hold a password.
        server: the server, if it is embedded.
    """

    address: str = field(repr=False)
    server: EmbeddedServer | None

    def __str__(self) -> str:
        """Its address as it may be printed."""
        return shown(self.address)


@contextmanager
def store(deployment: Deployment) -> Iterator[Store]:
    """Hold the online store for as long as a command runs: what it starts attaches to it."""
    address, server = open_store(deployment)
    with server or nullcontext():
        yield Store(address, server)
