"""Training sets of what was truly served: a service's log, under the names of a training set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from slate.answer_log import in_present_form, log_schema, views_of
from slate.assets.answer_files import answers_in, names
from slate.deployment import Deployment
from slate.errors import DataError
from slate.kinds import naive_utc
from slate.plans import Plan
from slate.privacy import PII, personal


def logged_batches(
    deployment: Deployment,
    service: str,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Iterator[pa.RecordBatch]:
    """Rows that were served and logged, in the order of the log.

    They have the columns of a training set: keys, the instant asked about, called as the service's
    spine calls it, inputs and features, all of the same types. Before them stand ``request_id`` and
    ``request_row``, by which labels are joined; behind them ``<view>:state`` (the number of
    a ``State``), by which rows can be left out that were not served whole.

    Args:
        deployment: the deployment.
        service: the service's name.
        since: rows are left out that asked about an earlier instant; UTC if it has no zone.
        until: likewise those that asked about this instant or a later one.
        progress: told in words what is noteworthy.

    Raises:
        DataError: nothing of the service is in the log, or of those instants; or a file of it
            cannot be read, or holds other types, as of an earlier definition.
        RequestError: there is no such service.
    """
    plan = deployment.registry.plan(service)
    folder = deployment.answers / plan.service.full_name
    files = names(folder)
    if not files:
        raise DataError(_nothing(deployment, plan))
    schema = _schema(plan)
    if hidden := sorted(personal(plan.service.features)):
        progress(f"not logged as tagged {PII}, and null here: {', '.join(hidden)}")
    rows = 0
    for name in files:
        table = _in_time(answers_in(folder, name), since, until)
        if not table.num_rows:
            continue
        rows += table.num_rows
        form = in_present_form(table, schema)
        if form.lacking:
            missing = ", ".join(form.lacking)
            progress(f"{name}: logged before there was {missing}, which is null there")
        if form.of_other_types:
            raise DataError(
                f"{folder / name}.parquet was logged with other types of "
                f"{', '.join(form.of_other_types)} than {plan.service.full_name} has now: give "
                "--since later than that"
            )
        renamed = form.table.rename_columns(_names(plan, schema))
        yield from renamed.to_batches()
    if not rows:
        span = " ".join(
            f"{word} {naive_utc(instant):%Y-%m-%d %H:%M}"
            for word, instant in (("since", since), ("until", until))
            if instant is not None
        )
        raise DataError(f"no answer in {folder} is about an instant {span}: give a longer span")


def _schema(plan: Plan) -> pa.Schema:
    """What is taken of a log, as the log calls it."""
    left = {"answered_at", "errors"}
    views = views_of(plan)
    left |= {f"{view}:{what}" for view in views for what in ("generation", "as_of", "known_until")}
    fields = [field for field in log_schema(plan) if field.name not in left]
    return pa.schema(fields)


def _names(plan: Plan, schema: pa.Schema) -> list[str]:
    """The same as a training set calls it."""
    asked = plan.service.spine.event_time
    return [asked if name == "asked_at" else name for name in schema.names]


def _in_time(table: pa.Table, since: datetime | None, until: datetime | None) -> pa.Table:
    asked = table["asked_at"]
    for instant, keeps in ((since, pc.greater_equal), (until, pc.less)):
        if instant is not None:
            bound = pa.scalar(naive_utc(instant).replace(tzinfo=UTC), asked.type)
            table = table.filter(keeps(table["asked_at"], bound))
    return table


def _nothing(deployment: Deployment, plan: Plan) -> str:
    name = plan.service.full_name
    others = sorted(
        path.name
        for path in deployment.answers.glob(f"{plan.service.name}_v*")
        if path.name != name and names(path)
    )
    hint = f" (there is of {', '.join(others)})" if others else ""
    if not plan.service.logged:
        return f"answers of {name} are not logged{hint}: give it logged=0.01, or another share"
    return (
        f"no answer of {name} is in the log yet{hint}: ask for some, then run the job take_in_log, "
        "which takes them in"
    )
