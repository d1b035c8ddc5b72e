"""Definition hashes: they change when, and only when, a view's values could.

Names, types, sources, filters, windows, expressions and defaults take part. Descriptions, owners,
tags, constraints and the order of writing do not.
"""

from hashlib import blake2b

from slate.expressions import Expr, leaves, render
from slate.features import Aggregated, Attribute, Computed, Constraints, Feature, Input
from slate.filters import comparisons, literal
from slate.resolvers import Resolved, source_text
from slate.views import FeatureView, RequestFeatures


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
                f"{column.name} {column.kind.value} {column.nullable} {column.constraints}"
                for column in source.columns.values()
                if not column.nullable or column.constraints != Constraints()
            )
    lines += sorted(_line(feature) for feature in view.features.values())
    return blake2b("\n".join(lines).encode(), digest_size=6).hexdigest()


def _line(feature: Feature) -> str:
    parts = [feature.column, feature.kind.value, f"default {feature.default!r}"]
    if isinstance(feature, Attribute) and feature.key_of is not None:
        parts.append(f"key of {feature.key_of.name}")
    elif isinstance(feature, Aggregated):
        measure, window = feature.measure, feature.window
        parts.append(f"{measure.function.name}({measure.column or ''})")
        if measure.column_kind is not None:
            parts.append(measure.column_kind.value)
        if measure.where is not None:
            terms = comparisons(feature.name, measure.where)
            parts.append(" & ".join(sorted(_term(*term) for term in terms)))
        if window is not None:
            parts.append(f"over {window.length}/{window.hop}")
    elif isinstance(feature, Input):
        parts.append("input")
    elif isinstance(feature, Computed):
        parts.append(_expression(feature.expression))
    return " | ".join(parts)


def _term(column: Expr, operator: str, constant: object) -> str:
    values = constant if isinstance(constant, tuple) else (constant,)
    return f"{column!r} {operator} {sorted(map(literal, values))}"


def _expression(expr: Expr) -> str:
    """The expression and, as their values are part of it, what each reference in it is."""
    text = [render(expr)]
    for leaf in leaves(expr):
        if isinstance(leaf, Computed):
            text.append(f"{leaf.name} = {_expression(leaf.expression)}")
        elif isinstance(leaf, Feature):
            text.append(f"{leaf.name}: {leaf.kind.value}")
    text += sorted(source_text(call.func) for call in _resolvers(expr))
    return "; ".join(text)


def _resolvers(expr: object) -> list[Resolved]:
    found = [expr] if isinstance(expr, Resolved) else []
    for child in getattr(expr, "args", ()):
        found += _resolvers(child)
    return found
