"""The rows that failed, whole, for those who look into it."""

from typing import TYPE_CHECKING

import pyarrow as pa

from slate.compile.model_names import current_model
from slate.quality.results import Validation
from slate.quoting import quoted_name
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb


def failing_rows(
    view: type[FeatureView],
    connection: "duckdb.DuckDBPyConnection",
    validation: Validation,
    limit: int = 100,
) -> pa.Table:
    """Rows that do not meet an expectation of their own, whole.

    Args:
        view: the view.
        connection: to the warehouse.
        validation: what came of the view's suite.
        limit: how many rows at most.

    Returns:
        The table's columns, after ``failed_because``: what does not hold of the row. Of each
        expectation, only the first rows are kept, in the table's order; critical ones come first.
    """
    reasons: dict[tuple[str | None, ...], list[str]] = {}
    for result in validation.failed:
        for example in result.examples:
            key = tuple(None if example[k] is None else str(example[k]) for k in validation.keys)
            reasons.setdefault(key, []).append(result.expectation.why)
    names = [quoted_name(key) for key in validation.keys]
    same = (f"current.{name}::varchar is not distinct from failing.{name}" for name in names)
    query = f"""
        with failing as (
            select {", ".join(f"unnest(?::varchar[]) as {name}" for name in names)},
                unnest(?::varchar[]) as failed_because, unnest(?::bigint[]) as position
        )
        select failing.failed_because, current.*
        from {quoted_name(current_model(view))} as current
        join failing
            on {" and ".join(same)}
        order by failing.position
        limit {limit}
    """
    keys = [[key[i] for key in reasons] for i in range(len(names))]
    texts = ["; ".join(reason) for reason in reasons.values()]
    return connection.sql(query, params=[*keys, texts, list(range(len(reasons)))]).to_arrow_table()
