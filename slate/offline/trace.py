"""Tracing one served value down to its events: what it is made of, and what of that was known."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from slate.answer_log import in_present_form
from slate.compile.attributes import RECEIVED_AT
from slate.compile.model_text import seconds
from slate.descriptions import derived
from slate.errors import DataError, RequestError, nearest
from slate.expressions import leaves
from slate.features import Aggregated, Attribute, Computed, Feature
from slate.filters import filter_sql
from slate.identifiers import MODEL_TIMES, ROW_ID
from slate.kinds import naive_utc
from slate.offline.audit import Audit
from slate.offline.causes import Cause
from slate.offline.events_anew import ValuesAnew
from slate.offline.rendering import rendered
from slate.privacy import HIDDEN, PII, hidden, is_personal, is_personal_column
from slate.sources import column_of
from slate.views import FeatureView

# How many events of a value are told, the latest first.
EVENTS = 50
_OF_VIEW = ("state", "generation", "as_of", "known_until")


@dataclass(frozen=True)
class Traced:
    """What a value is made of.

    Attributes:
        feature: its name.
        definition: how it is defined, in words.
        told: the value that the warehouse tells; None of what the service does not list.
        keys: of which row of its view it is.
        events: the events in its window, or the rows of its model, the latest first; of each
            whether its arrival lay before what the view told to know when it was served, so that
            it counted for sure (``surely_known``).
        more: how many further ones there are.
        parts: what a computed feature is made of.
    """

    feature: str
    definition: str
    told: Any
    keys: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    more: int = 0
    parts: list["Traced"] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """A logged value, and what it is made of.

    Attributes:
        request: the request, with its keys and inputs.
        served: the value that was served.
        views: of each view that it comes of its state, generation and up to when it was known.
        value: what the warehouse tells of it; None if it does not know the instant yet.
        cause: why that is another value; None if it is the same, or not known yet.
        feature: the feature's name.
        known_until: up to when the warehouse knows what happened (UTC).
    """

    request: dict[str, Any]
    served: Any
    views: dict[str, dict[str, Any]]
    value: Traced | None
    cause: Cause | None
    feature: str
    known_until: datetime


def trace(audit: Audit, table: pa.Table, row: int, name: str) -> Trace:
    """Trace a value of a logged answer.

    Args:
        audit: the audit of its service.
        table: the rows of the answer in the log.
        row: which of them.
        name: the feature's name, with its view or without.

    Raises:
        RequestError: there is no such row or feature.
        DataError: the feature was not served with this answer.
    """
    feature = _feature(audit, name)
    rows = table.filter(pc.equal(table["request_row"], row))
    if not rows.num_rows:
        last = pc.max(table["request_row"]).as_py()
        raise RequestError(f"the answer has the rows 0 to {last}: {row} is none")
    if feature.name not in rows.column_names:
        raise DataError(f"{feature.name} was not served with this answer: it was defined later")
    form = in_present_form(rows, audit.schema)
    if feature.name in form.of_other_types:
        raise DataError(f"{feature.name} was served with another type than it has by now")
    rows = form.table.append_column("stored_at", rows["stored_at"])
    views = {
        view: {what: rows[f"{view}:{what}"][0].as_py() for what in _OF_VIEW}
        for view in sorted(audit.views_behind(feature.name))
    }
    (request,) = rows.select(["request_id", "request_row", "answered_at", *audit.given]).to_pylist()
    served, until = rows[feature.name][0].as_py(), naive_utc(audit.known_until).replace(tzinfo=UTC)
    if naive_utc(rows["asked_at"][0].as_py()).replace(tzinfo=UTC) > until:
        return Trace(request, served, views, None, None, feature.name, until)
    found = audit.of(rows)
    cause = next((d.cause for d in found.differences if d.feature == feature.name), None)
    anew = audit.anew({})
    value = _traced(audit, anew, feature, audit.told(anew, rows), rows)
    return Trace(request, served, views, value, cause, feature.name, until)


def _feature(audit: Audit, name: str) -> Feature:
    features = {feature.name: feature for feature in audit.features}
    short = [feature for feature in audit.features if feature.column == name]
    if name in features:
        return features[name]
    if len(short) == 1:
        return short[0]
    if name in audit.hidden:
        raise RequestError(f"{name} is tagged {PII}: what was served of it is not logged")
    raise RequestError(f"the service has no feature {name!r}: {nearest(name, features)}")


def _traced(
    audit: Audit, anew: ValuesAnew, feature: Feature, told: pa.Table, rows: pa.Table
) -> Traced:
    value = told[feature.name][0].as_py() if feature.name in told.column_names else None
    hides = is_personal(feature)
    if hides and value is not None:
        value = HIDDEN
    if isinstance(feature, Computed):
        behind = [one for one in leaves(feature.expression) if isinstance(one, Feature)]
        parts = [_traced(audit, anew, one, told, rows) for one in dict.fromkeys(behind)]
        return Traced(feature.name, derived(feature), value, parts=parts)
    if not isinstance(feature, Aggregated | Attribute):
        return Traced(feature.name, "Brought by the request.", rows[feature.column][0].as_py())
    keys = anew.keys.get(_view(feature).name, [])
    if len(keys) != 1:
        # There was no key that would lead to one.
        return Traced(feature.name, derived(feature), value)
    events = _events(audit, anew, feature, keys[0], rows)
    if hides or _is_of_personal_column(feature):
        events = [hidden(event, ["value"]) for event in events]
    more = max(len(events) - EVENTS, 0)
    return Traced(feature.name, derived(feature), value, keys[0], events[:EVENTS], more)


def _is_of_personal_column(feature: Feature) -> bool:
    """Whether an aggregate is of a column whose values are not to be shown."""
    measure = feature.measure if isinstance(feature, Aggregated) else None
    if measure is None or measure.column is None:
        return False
    source = _view(feature).source
    return is_personal_column(source, column_of(source, measure.column))


def _events(
    audit: Audit, anew: ValuesAnew, feature: Feature, key: dict[str, Any], rows: pa.Table
) -> list[dict[str, Any]]:
    """The events or rows that had arrived before the instant asked about, the latest first."""
    asked = pc.cast(rows["asked_at"], pa.int64())[0].as_py()
    until = pc.cast(rows[f"{_view(feature).name}:known_until"], pa.int64())[0].as_py()
    select = _of_window(feature, asked) if isinstance(feature, Aggregated) else _of_model(feature)
    known = "false" if until is None else f"arrived < make_timestamp({until})"
    where = " and ".join(f"{name} = ?" for name in key)
    found = audit.connection.execute(
        f"""select * exclude ({", ".join(key)}), {known} as surely_known
        from ({rendered(select, anew.relation)})
        where {where} and arrived < make_timestamp({asked})
        order by happened desc, arrived desc, id""",
        list(key.values()),
    )
    names = [name for name, *_ in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _of_window(feature: Aggregated, asked: int) -> str:
    """The events in a feature's window that its filter lets in (a model)."""
    view, measure = _view(feature), feature.measure
    source, conditions = view.source, ["true"]
    if measure.where is not None:
        conditions.append(filter_sql(measure.name, measure.where))
    happened = f"least({source.event_time}, {source.arrival_time})"
    if feature.window is not None and feature.window.bounded:
        length, hop = seconds(feature.window.length), seconds(feature.window.hop)
        start = f"{{{{ window_start('make_timestamp({asked})', {length}, {hop}) }}}}"
        conditions.append(f"{happened} >= {start}")
    column = f", {measure.column} as value" if measure.column is not None else ""
    return f"""select {", ".join(view.entity.keys)}, {source.unique_id} as id,
        {happened} as happened, {source.arrival_time} as arrived{column}
        from {{{{ ref('{source.model}') }}}} where {" and ".join(conditions)}"""


def _of_model(feature: Feature) -> str:
    """The rows of the model that an attribute is a column of."""
    view = _view(feature)
    event_ts, _ = MODEL_TIMES
    return f"""select {", ".join(view.entity.keys)}, {ROW_ID} as id,
        least({event_ts}, {RECEIVED_AT}) as happened, {RECEIVED_AT} as arrived,
        {feature.column} as value from {{{{ ref('{view.model}') }}}}"""


def _view(feature: Feature) -> type[FeatureView]:
    view = feature.view
    assert isinstance(view, type)
    assert issubclass(view, FeatureView)
    return view
