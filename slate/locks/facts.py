"""What a definition means, as facts: each has a name and a text, and is the same in any wording.

A fact holds no Python name but those that are part of an interface: of features, of columns, of
dbt models. So classes, constants and variables can be renamed, moved and put in another order.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from slate.aggregates import LatestFunction
from slate.code import code_text
from slate.code_shape import code_shape
from slate.conditions import AllOf, Comparison, Membership
from slate.constraints import Constraints
from slate.derived import Derived
from slate.expression_words import (
    bounds_words,
    condition_words,
    constant_words,
    constants_words,
    expression_words,
)
from slate.expressions import Call, Expr, Reference, bound, nodes
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.filters import condition, ordered
from slate.identifiers import MODEL_TIMES, ROW_ID
from slate.kinds import Kind
from slate.plans import Plan, Read
from slate.resolvers import Resolved
from slate.source_columns import Column
from slate.sources import Source, column_of
from slate.views import FeatureView
from slate.windows import Window, duration_name

Facts = dict[str, str]


def of_feature(feature: Feature) -> Facts:
    """What a feature itself says: not what its view, its source or other features do."""
    facts = {"type": feature.value_type.name}
    match feature:
        case Aggregated():
            facts |= _aggregated(feature)
        case Attribute():
            facts |= {"column": feature.column, **_ttl(feature.view)}
        case Computed():
            facts["expression"] = expression_words(feature.expression)
        case Input():
            facts["brought by"] = "the request"
    if feature.default is not None and not _is_empty(feature):
        facts["default"] = constant_words(_exact(feature.kind, feature.default))
    return facts


def exact(feature: Feature) -> Facts:
    """The same, with each resolver by what it computes in place of its name."""
    facts = of_feature(feature)
    if isinstance(feature, Computed):
        facts["expression"] = expression_words(_by_shape(feature.expression))
    return facts


def columns_of(feature: Feature) -> set[str]:
    """The columns of a model that a stored feature's values come of, also by its filter."""
    view = feature.view
    assert issubclass(view, FeatureView)
    found = set(view.entity.keys)
    if not isinstance(feature, Aggregated):
        return found | {feature.column, *MODEL_TIMES, ROW_ID}
    source = view.source
    found |= {source.unique_id, source.event_time, source.arrival_time}
    return found | {name for column in _columns(feature) for name in column.reads}


def code_of(feature: Feature) -> str:
    """The code of the resolvers that a feature calls; empty if it calls none."""
    if not isinstance(feature, Computed):
        return ""
    called = (node for node in nodes(feature.expression) if isinstance(node, Resolved))
    return "\n".join(code_text(node.func) for node in called)


def of_read(plan: Plan, read: Read) -> Facts:
    """What a service's way to a view says: the view's keys, and how they are come by."""
    view = read.view
    keys = ", ".join(f"{key}: {kind.value}" for key, kind in view.entity.keys.items())
    origin = {"model": view.model} if view.model else {"source": view.source.model}
    return {"keys": keys, "by": plan.ways(read), **origin}


def of_source(source: type[Source], feature: Feature | None = None) -> Facts:
    """What a source says: its times and ids, and which events it takes.

    Columns that take any value of their type, or none, have no say.

    Args:
        source: the source.
        feature: one of its features; of the values that a column may have, those that the feature's
            filter passes over have no say then.
    """
    facts = {
        "id": f"{source.unique_id}, a repeat is known for {duration_name(source.horizon)}",
        "event time": source.event_time,
        "arrival time": source.arrival_time,
    }
    if source.table:
        facts["table"] = source.table
    passed = _passed(feature)
    for name, column in sorted(source.columns.items()):
        bounds = _bounds(column, passed.get(name))
        if bounds or not column.nullable:
            null = "" if column.nullable else ", never null"
            facts[f"column {name}"] = f"{column.kind.value}{null}{bounds}"
    return facts


def _passed(feature: Feature | None) -> dict[str, set[Any]]:
    """The values that a feature's filter takes, by column, where it names them."""
    if not isinstance(feature, Aggregated) or feature.measure.where is None:
        return {}
    found = condition(feature.name, feature.measure.where)
    passed: dict[str, set[Any]] = {}
    for part in found.conditions if isinstance(found, AllOf) else (found,):
        match part:
            case Comparison(column, "=", constant):
                passed[column.name] = {constant}
            case Membership(column, constants):
                passed[column.name] = set(constants)
    return passed


def _aggregated(feature: Aggregated) -> Facts:
    measure, view = feature.measure, feature.view
    assert issubclass(view, FeatureView)
    facts = {"aggregate": measure.function.name}
    if (column := _aggregated_column(feature)) is not None:
        facts["of"] = f"{_name(column)}: {column.kind.value}"
    if measure.function.parameters:
        facts["with"] = measure.function.parameters
    if measure.length is not None:
        facts["values"] = str(measure.length)
    if measure.where is not None:
        filtered = ordered(condition(feature.name, measure.where))
        facts["where"] = condition_words(filtered, _name)
    facts["over"] = _window(feature.window)
    for column in _columns(feature):
        if isinstance(column, Derived) and column.named:
            facts[f"column {column.name}"] = f"{_written(column)}: {column.kind.value}"
    if isinstance(measure.function, LatestFunction):
        facts |= _ttl(view)
    return facts


def _aggregated_column(feature: Aggregated) -> Column | None:
    """The column that is aggregated; a count of the latest events has one that says nothing."""
    measure, view = feature.measure, feature.view
    assert issubclass(view, FeatureView)
    if measure.column is None or not measure.function.inputs:
        return None
    return column_of(view.source, measure.column)


def _columns(feature: Aggregated) -> Iterator[Column]:
    """The columns that an aggregate reads, also those that its filter does."""
    if (column := _aggregated_column(feature)) is not None:
        yield column
    if feature.measure.where is not None:
        for part in condition(feature.name, feature.measure.where).parts():
            yield from (value for value in vars(part).values() if isinstance(value, Column))


def _window(window: Window | None) -> str:
    if window is None:
        return "all time"
    if not window.bounded:
        return window.name
    return f"{duration_name(window.length)}, in hops of {duration_name(window.hop)}"


def _ttl(view: Any) -> Facts:
    assert issubclass(view, FeatureView)
    return {} if view.ttl_us is None else {"ttl": duration_name(view.ttl_us)}


def _is_empty(feature: Feature) -> bool:
    """Whether a default is no more than what the aggregate is of no events."""
    return isinstance(feature, Aggregated) and feature.measure.function.empty is not None


def _by_shape(expr: Any) -> Any:
    """An expression whose resolvers are called by what they compute."""
    if isinstance(expr, tuple):
        return tuple(map(_by_shape, expr))
    if not isinstance(expr, Call):
        return expr
    function = expr.func
    if isinstance(expr, Resolved):

        def function() -> None: ...

        function.__name__ = digest(code_shape(expr.func))
    return Call(
        function, _by_shape(expr.args), {name: _by_shape(arg) for name, arg in expr.kwargs.items()}
    )


def digest(*texts: str) -> str:
    """The hash of some texts: 12 hexadecimal digits."""
    return blake2b("\0".join(texts).encode(), digest_size=6).hexdigest()


def _name(column: Column) -> str:
    """A column without its source's class: by its name, or by what it is computed from."""
    if isinstance(column, Derived) and not column.named:
        return f"({_written(column)})"
    return column.name


def _written(column: Derived) -> str:
    """What a column is computed from."""

    def without_class(leaf: Expr) -> Expr:
        return Reference(leaf.name) if isinstance(leaf, Column) else leaf

    return expression_words(bound(column.expression, without_class))


def _bounds(column: Column, passed: set[Any] | None) -> str:
    bounds, kind = column.constraints, column.kind
    if bounds.one_of is not None:
        allowed = set(bounds.one_of) if passed is None else passed.intersection(bounds.one_of)
        return f", one of {constants_words(sorted(_exact(kind, value) for value in allowed))}"
    least, greatest = (
        None if bound is None else _exact(kind, bound) for bound in (bounds.least, bounds.greatest)
    )
    return "".join(f", {text}" for text in bounds_words(Constraints(least, greatest)))


def _exact(kind: Kind, value: Any) -> Any:
    return float(value) if kind is Kind.FLOAT else value
