"""Definition hashes: they change when, and only when, a view's values could.

Names, types, sources, filters, windows, expressions and defaults take part. Descriptions, owners,
tags, constraints, the order of writing and what a resolver calls its variables do not.
"""

from functools import cache
from hashlib import blake2b
from typing import Any

from slate.code_shape import code_shape
from slate.constraints import Constraints
from slate.expressions import Expr, nodes, render
from slate.features import Aggregated, Attribute, Computed, Feature, Input
from slate.filters import condition
from slate.kinds import Kind
from slate.resolvers import Resolved
from slate.source_columns import Column
from slate.views import FeatureView, RequestFeatures


@cache
def fingerprint(view: type[FeatureView] | type[RequestFeatures]) -> str:
    """The hash of a view's definition: 12 hexadecimal digits."""
    lines = [view.name]
    if issubclass(view, FeatureView):
        keys = " ".join(f"{key}:{kind.value}" for key, kind in view.entity.keys.items())
        origin = view.model or view.source.model
        lines.append(f"{keys} from {origin} ttl {view.ttl_us}")
        if view.windowed:
            source = view.source
            lines.append(f"{source.unique_id} {source.event_time} {source.arrival_time}")
            lines.append(f"levels {view.levels} horizon {source.horizon}")
            # What the source refuses is not counted.
            lines += sorted(
                _refusals(column)
                for column in source.columns.values()
                if not column.nullable or column.constraints != Constraints()
            )
    lines += sorted(_line(feature) for feature in view.features.values())
    return blake2b("\n".join(lines).encode(), digest_size=6).hexdigest()


def _refusals(column: Column) -> str:
    bounds = column.constraints
    allowed = None if bounds.one_of is None else sorted(_values(column.kind, *bounds.one_of))
    limits = _values(column.kind, bounds.least, bounds.greatest)
    return f"{column.name} {column.kind.value} {column.nullable} {limits} {allowed}"


def _line(feature: Feature) -> str:
    default = _values(feature.kind, feature.default)
    parts = [feature.column, feature.kind.value, f"default {default}"]
    if isinstance(feature, Attribute) and feature.key_of is not None:
        parts.append(f"key of {feature.key_of.name}")
    elif isinstance(feature, Aggregated):
        measure, window = feature.measure, feature.window
        assert issubclass(feature.view, FeatureView)
        number = "" if measure.length is None else f", {measure.length}"
        column = measure.column or ""
        if column in feature.view.source.derived:
            column = feature.view.source.derived[column].definition
        parts.append(f"{measure.function.name}({column}{number})")
        if measure.function.parameters:
            parts.append(measure.function.parameters)
        if measure.column_kind is not None:
            parts.append(measure.column_kind.value)
        parts.append(" ".join(column.suffix for column in measure.columns))
        if measure.where is not None:
            parts.append(condition(feature.name, measure.where).text())
        if window is not None:
            parts.append(f"over {window.length}/{window.hop}")
    elif isinstance(feature, Input):
        parts.append("input")
    elif isinstance(feature, Computed):
        parts.append(_expression(feature.expression))
    return " | ".join(parts)


def _values(kind: Kind, *values: Any) -> list[str]:
    """Constants as text, in which 2 and 2.0 are one number."""
    return [
        repr(float(value) if kind is Kind.FLOAT and value is not None else value)
        for value in values
    ]


def _expression(expr: Expr) -> str:
    """The expression and, as their values are part of it, what it reads and calls."""
    text = [render(expr)]
    for node in nodes(expr):
        if isinstance(node, Feature):
            text.append(f"{node.view.name}: {_line(node)}")
        elif isinstance(node, Resolved):
            text.append(code_shape(node.func))
    return "; ".join(text)
