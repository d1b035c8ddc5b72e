"""Definitions in words, for the catalogue: dbt docs, Dagster and `slate describe`.

A description is what the definition's author wrote beside it, and then what follows from the
definition itself, so that no column stands without one.
"""

from slate.aggregates import Function, LatestFunction, Measure, OverLast, ValuesFunction
from slate.aggregates.quantile import Quantile
from slate.derived import Derived
from slate.entities import Entity
from slate.expression_words import (
    bounds_words,
    duration_words,
    expression_words,
    filter_words,
    rendered_words,
)
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.kinds import Kind
from slate.registry import Registry
from slate.source_columns import Column
from slate.sources import Source, column_of
from slate.views import FeatureView
from slate.windows import duration

EVENT_TS = "When the row's latest event happened (UTC)."
AS_OF = "The instant that the row's values are as of (UTC)."
ASKED_AT = "The instant that the row's values are as of (UTC): one that the spine asks about."
HOP = "The size of the tile in seconds."
TILE = "The hop of the events' time, counted from the epoch."
ARRIVED = "The hop of the events' arrival, counted from the epoch."
ARRIVED_HOUR = "The hour of the events' arrival (UTC)."
LATEST_EVENT_TS = "When the latest of the tile's events happened (UTC)."
ROW = "The key's number: from 0, in the order of the keys."

_AGGREGATES = {
    "count": "count of {}",
    "sum": "sum of {}",
    "mean": "mean of {}",
    "min": "least {}",
    "max": "greatest {}",
    "std": "standard deviation of {}",
    "first": "earliest {}",
    "last": "latest {}",
    "last_n": "latest {length} values of {}, the latest first",
    "distinct": "number of different values of {}",
    "share": "share that the most frequent value of {} has of all",
}
PARTIALS = {
    "n": "number of {}",
    "sum": "sum of {}",
    "upper": "sum of the upper halves of {}",
    "lower": "sum of the lower halves of {}",
    "mean": "mean of {}",
    "m2": "sum of the squared deviations from the mean of {}",
    "min": "least {}",
    "max": "greatest {}",
    "first": "earliest {}, with its event's times and id",
    "last": "latest {}, with its event's times and id",
    "values": "how often each value occurs, of {}",
    "codes": "how often each value occurs, by the value's code, of {}",
}
_KINDS = {
    Kind.STRING: "text",
    Kind.INTEGER: "whole number",
    Kind.FLOAT: "number",
    Kind.BOOLEAN: "truth value",
    Kind.TIME: "time (UTC)",
}


def of_feature(feature: Feature) -> str:
    """A feature: what its author wrote, then what it is made of."""
    return joined(feature.description, derived(feature))


def derived(feature: Feature) -> str:
    """What follows from a feature's definition alone.

    Examples:
        "Count of Event where kind == 'tap', in the last hour, its tail in hops of 5 minutes."
    """
    match feature:
        case Aggregated():
            text = _aggregated(feature)
        case Attribute():
            text = _attribute(feature)
        case Computed():
            text = f"Computed when asked: {expression_words(feature.expression)}"
        case Input():
            text = "Brought by the request"
            if not feature.required:
                text += f", {feature.default!r} if it is not"
        case _:
            text = _KINDS[feature.kind]
    return _sentence("; ".join([text, *bounds_words(feature.constraints)]))


def of_column(column: Column, registry: Registry) -> str:
    """A source's column: what its author wrote, then what follows from the definition.

    It may be one that is computed from others.
    """
    source, name = column.source, column.name
    if name == source.unique_id:
        horizon = duration_words(source.horizon)
        text = f"The unique id; it is taken once, and a repeat is recognised for {horizon}."
    elif name == source.event_time:
        text = "Event time (UTC): when it happened."
    elif name == source.arrival_time:
        text = "Arrival time (UTC): when the platform could know of it."
    elif isinstance(column, Derived):
        text = f"Computed from the event: {expression_words(column.expression)}."
    elif entity := _entity_of(column, registry):
        text = of_key(name, entity)
    else:
        null = "may be null" if column.nullable else "never null"
        text = _sentence("; ".join([_KINDS[column.kind], *bounds_words(column.constraints), null]))
    return joined(column.description, text)


def of_key(key: str, entity: type[Entity]) -> str:
    """A key column of an entity, or of one of the two of a pair."""
    return f"The key of {entity.parts.get(key, entity).__name__}."


def of_partial(view: type[FeatureView], measure: Measure, suffix: str) -> str:
    """A column in which tiles keep an aggregate."""
    events = f"{_subject(view, measure)}{_filter(view, measure)}"
    text = PARTIALS.get(suffix, f"{suffix} of {{}}").format(events)
    return f"Kept for {view.__name__}.{measure.name}: {text}."


def freshness(source: type[Source]) -> str:
    """How old a source's newest row may be; empty where it may be of any age."""
    if source.fresh_within_us is None:
        return ""
    age = duration_words(source.fresh_within_us)
    return (
        f"A check fails when its newest row arrived more than {age} ago, by the platform's clock."
    )


def of_model(view: type[FeatureView]) -> dict[str, str]:
    """The columns of the model that an attribute view reads, which its deployment writes itself."""
    return {
        **{key: of_key(key, view.entity) for key in view.entity.keys},
        "event_ts": "When the row began to hold (UTC).",
        "received_at": "Arrival time (UTC): when the platform could know of the row.",
        "row_id": "The row's unique id, which breaks a tie of both times.",
        **{feature.column: _stored(feature) for feature in view.features.values()},
    }


def joined(own: str, text: str) -> str:
    """What an author wrote, as a sentence, before what is derived."""
    return f"{_sentence(own)} {text}" if own.strip() else text


def _aggregated(feature: Aggregated) -> str:
    view, measure = feature.view, feature.measure
    assert issubclass(view, FeatureView)
    whole, last = measure.function, ""
    function = _inner(whole)
    if isinstance(whole, OverLast):
        last = f", of the latest {whole.number} at most"
    text = _named(function, measure).format(_subject(view, measure), length=measure.length)
    parts = [f"{text}{_filter(view, measure)}{last}", _window(feature)]
    if isinstance(whole, LatestFunction) and view.ttl:
        limit = duration_words(duration(view.ttl, view.__name__))
        parts.append(f"no more than {limit} old")
    if isinstance(function, ValuesFunction):
        values = "1 value" if function.most == 1 else f"{function.most:,} different values"
        parts.append(f"exact up to {values}")
    if function.empty is None and feature.default is not None:
        parts.append(f"{feature.default!r} where there is none")
    return ", ".join(filter(None, parts))


def _inner(function: Function) -> Function:
    """What is computed, of all events or of the latest ones."""
    return function.inner if isinstance(function, OverLast) else function


def _named(function: Function, measure: Measure) -> str:
    """What an aggregate is called, with a place for what it is of."""
    if function.name == "top":
        if measure.length is None:
            return "most frequent {}"
        return "{length} most frequent values of {}, the most frequent first"
    if isinstance(function, Quantile):
        return "median of {}" if function.q == 0.5 else f"{function.q:g} quantile of {{}}"
    return _AGGREGATES.get(function.name, f"{function.name} of {{}}")


def _subject(view: type[FeatureView], measure: Measure) -> str:
    """What is aggregated: events, or a column of theirs."""
    if measure.column is None or not _inner(measure.function).inputs:
        return view.source.__name__
    return rendered_words(repr(column_of(view.source, measure.column)))


def _filter(view: type[FeatureView], measure: Measure) -> str:
    if measure.where is None:
        return ""
    return f" where {filter_words(f'{view.__name__}.{measure.name}', measure.where)}"


def _window(feature: Aggregated) -> str:
    window = feature.window
    if window is None:
        return ""
    if not window.bounded:
        return "of all time"
    length = duration_words(window.length).removeprefix("1 ")
    return f"in the last {length}, its tail in hops of {duration_words(window.hop)}"


def _attribute(feature: Attribute) -> str:
    view = feature.view
    assert issubclass(view, FeatureView)
    text = f"column {feature.column} of the key's latest row in {view.model}"
    if view.ttl:
        text += f" of the last {duration_words(duration(view.ttl, view.__name__))}"
    if feature.default is not None:
        text += f", {feature.default!r} where there is none"
    return text if feature.key_of is None else f"{text}; the key of {feature.key_of.__name__}"


def _stored(feature: Feature) -> str:
    """An attribute where it is stored, before it has a default."""
    entity = feature.key_of if isinstance(feature, Attribute) else None
    text = _KINDS[feature.kind] if entity is None else f"the key of {entity.__name__}"
    return joined(
        feature.description, _sentence("; ".join([text, *bounds_words(feature.constraints)]))
    )


def _entity_of(column: Column, registry: Registry) -> type[Entity] | None:
    """The entity whose key a column holds, by its name."""
    for entity in registry.entities.values():
        if not entity.parts and entity.keys.get(column.name) is column.kind:
            return entity
    return None


def _sentence(text: str) -> str:
    text = text.strip()
    first = text[:1].upper() + text[1:]
    return first if first.endswith((".", "!", "?")) else f"{first}."
