"""Whether what was written to a primary is on a replica of it too, should that take its place."""

from slate.online.store.commands import command
from slate.online.store.flows import ExchangeError, Flow

SECONDS = 1.0


def on_a_replica() -> Flow[None]:
    """The flow that waits until a replica has what was written over this connection.

    A primary without connected replicas has none to wait for.

    Raises:
        ExchangeError: there are some, and none has confirmed it.
    """
    yield command("ROLE")
    role = yield None
    if not role[2]:
        return
    yield command("WAIT", "1", str(int(SECONDS * 1000)))
    if not (yield None):
        raise ExchangeError(
            "no replica has confirmed what was written, which would be lost with the primary: see "
            "that its replicas keep up with it",
            lost=False,
        )
