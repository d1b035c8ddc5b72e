"""What cannot be known yet, as a landing file cannot be read, and what that holds back.

An hour is known when all of its files are read or taken away. Until then a view, or a training set,
that reads of the source is made as of the start of the first such hour; all others go on.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from slate.assets.landing_files import landing_sources
from slate.assets.origins import origins_of_models
from slate.compile.model_names import HELD, RAW, current_model, training_model
from slate.deployment import Deployment
from slate.registry import Registry
from slate.sources import Source


class Unread(NamedTuple):
    """A landing file that cannot be read.

    Attributes:
        name: its path below the landing folder.
        hour: the hour that it is for.
        reason: why it cannot be read.
        held: whether its hour is not known, as it never was read.
    """

    name: str
    hour: datetime
    reason: str
    held: bool

    def __str__(self) -> str:
        held = (
            f"its hour is not known, and what is made of it is as of {self.hour:%Y-%m-%d %H:%M}, "
            "until it is whole or renamed to *.bad"
            if self.held
            else "what it held before stays"
        )
        return f"{self.name} cannot be read ({self.reason}): {held}"


def unread(connection: duckdb.DuckDBPyConnection, source: type[Source]) -> list[Unread]:
    """The files of a source that cannot be read, in order of their hours."""
    found = connection.execute(
        f"""select name, hour, unread, digest is null from {RAW}.files
        where unread is not null and source = ? order by hour, name""",
        [source.name],
    ).fetchall()
    return [Unread(*row) for row in found]


def hold(
    connection: duckdb.DuckDBPyConnection, deployment: Deployment, manifest: Path
) -> dict[str, datetime]:
    """Tell the warehouse's models up to when each of what is made of landing files can be known.

    Args:
        connection: the warehouse; landing files have been taken in.
        deployment: the deployment.
        manifest: that of its dbt project, which says what models read.

    Returns:
        The instants by model; of those that nothing holds back, none.
    """
    held = _held(connection, deployment.registry, manifest)
    connection.execute(
        f"""create or replace table {RAW}.{HELD} as
        select unnest(?::varchar[]) as model, unnest(?::timestamp[]) as until""",
        [list(held), list(held.values())],
    )
    return held


def _held(
    connection: duckdb.DuckDBPyConnection, registry: Registry, manifest: Path
) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for source in landing_sources(registry):
        hours = [file.hour for file in unread(connection, source) if file.held]
        if hours:
            first[source.name] = hours[0]
    if not first:
        return {}
    models = [*map(current_model, registry.views.values())]
    models += [training_model(service) for service in registry.services.values()]
    origins = origins_of_models(registry, manifest, models)
    hours_of = {
        model: [first[source.name] for source in sources if source.name in first]
        for model, sources in origins.items()
    }
    return {model: min(hours) for model, hours in hours_of.items() if hours}
