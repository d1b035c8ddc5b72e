"""The ledger of what was published: a run need not write again what is live already.

Where nothing landed and no definition of a view changed, its tables hold the same rows as of the
same instant, and the generation that is live says all of it.
"""

import duckdb

from slate.compile.model_names import RAW
from slate.views import FeatureView


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the ledger, where it is missing."""
    connection.execute(
        f"create table if not exists {RAW}.published "
        "(view varchar primary key, generation varchar, content varchar)"
    )


def remember(
    connection: duckdb.DuckDBPyConnection, view: type[FeatureView], generation: str, content: str
) -> None:
    """Say which generation holds what a view was published with.

    Args:
        connection: the warehouse.
        view: the view.
        generation: the generation's name.
        content: all that it was made of, as a text that tells it from anything else.
    """
    connection.execute(
        f"insert or replace into {RAW}.published values (?, ?, ?)", [view.name, generation, content]
    )


def holds(
    connection: duckdb.DuckDBPyConnection, view: type[FeatureView], generation: str, content: str
) -> bool:
    """Whether it was this generation that the same was published with."""
    found = connection.execute(
        f"select generation, content from {RAW}.published where view = ?", [view.name]
    ).fetchall()
    return found == [(generation, content)]
