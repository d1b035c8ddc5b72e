"""`slate load`: a source's history from files, into landing files by the hour of arrival."""

import sys
from argparse import Namespace
from datetime import datetime
from pathlib import Path

from slate.assets.event_values import require_time_format
from slate.assets.hours import is_over
from slate.assets.loading import Loaded, load_file
from slate.assets.staged_events import Rules
from slate.cli import processes
from slate.cli.hours import hour_after, hour_of
from slate.cli.text import Clock
from slate.deployment import Deployment, load
from slate.errors import DataError, UnknownNameError, nearest
from slate.sources import Source


def run(options: Namespace) -> int:
    """Load each file; print what is refused of it, each row with its place and the reason."""
    say = Clock()
    deployment = load()
    source = _source(deployment, options.source)
    rules = Rules(
        options.arrival,
        options.id == "content",
        tuple(options.null),
        tuple(map(require_time_format, options.time_format)),
        options.table,
        options.decimal == ",",
    )
    processes.make_data(deployment)
    wrong, landed = 0, False
    for file in options.files:
        loaded = load_file(deployment, source, Path(file), rules, say)
        if loaded.before:
            say(f"{file} was loaded before: {_told_before(source, loaded)}")
            continue
        for told in loaded.unmatched:
            say(f"{file}: {told}")
        for refused in loaded.examples:
            print(f"{file}: {refused.place}: {refused.reason}: {refused.content}")
        more = loaded.refused + loaded.broken - len(loaded.examples)
        if more:
            print(f"{file}: and {more:,} more")
        sys.stdout.flush()
        for hint in loaded.hints:
            say(f"{file}: {hint}")
        say(f"{file}: {_told(loaded)}")
        if loaded.last is not None and not is_over(deployment, hour_of(loaded.last)):
            say(_waits(deployment, loaded.last))
        wrong += loaded.refused + loaded.broken
        landed = True
    if landed:
        say("`slate run` takes them in")
    return 1 if wrong else 0


def _source(deployment: Deployment, name: str) -> type[Source]:
    """The source of a name, or of a landing folder's.

    Raises:
        UnknownNameError: there is none.
        DataError: nothing lands of it.
    """
    known = deployment.registry.sources
    source = ({found.landing: found for found in known.values()} | known).get(name)
    if source is None:
        raise UnknownNameError(f"there is no source {name!r}: {nearest(name, known)}")
    if not source.landing:
        raise DataError(
            f"{source.__name__} has no landing files: its history is what the model "
            f"{source.model} reads; or give it landing = '...'"
        )
    return source


def _told_before(source: type[Source], loaded: Loaded) -> str:
    if not loaded.refused:
        return "nothing is left to do"
    return (
        f"{loaded.refused:,} of its rows were refused then. Where what {source.__name__} takes has "
        "changed since, `slate run` judges them again; else mend these rows, and load them in a "
        "file of their own"
    )


def _told(loaded: Loaded) -> str:
    told = f"{loaded.rows:,} rows landed in {loaded.hours:,} hours"
    if loaded.first is not None:
        told += f", {loaded.first:%Y-%m-%d %H:%M} to {loaded.last:%Y-%m-%d %H:%M} UTC"
    if loaded.refused:
        told += f"; {loaded.refused:,} refused, to be in raw.quarantine"
    if loaded.broken:
        one = loaded.broken == 1
        lines = "1 line that is no row" if one else f"{loaded.broken:,} lines that are no rows"
        told += f"; left out: {lines}"
    if loaded.alike:
        rows = "1 row is" if loaded.alike == 1 else f"{loaded.alike:,} rows are"
        told += (
            f"; {rows} the same as another in every column, and each counts: ids of content cannot "
            "tell a repeat from a second event"
        )
    if loaded.repeats:
        told += f"; {loaded.repeats:,} of the landed rows repeat an id, of which the first counts"
    return told


def _waits(deployment: Deployment, last: datetime) -> str:
    what = "`clock` in slate.toml" if deployment.clock else "the machine's clock"
    return (
        f"its last rows arrived at {last:%Y-%m-%d %H:%M} UTC, and by {what} it is "
        f"{deployment.now():%Y-%m-%d %H:%M}: they wait until their hour is over, from "
        f"{hour_after(last):%Y-%m-%dT%H:%M:%S} on"
    )
