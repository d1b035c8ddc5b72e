"""Feature views and request features: where features are written."""

from typing import ClassVar

from slate.aggregates import LAST, Aggregate, Measure
from slate.base import Definition, annotations, check_constraints
from slate.comments import comments
from slate.entities import Entity, Source, check_key
from slate.errors import DefinitionError
from slate.expressions import Expr
from slate.features import (
    Aggregated,
    Attribute,
    Column,
    Computed,
    Constraints,
    Feature,
    Input,
    Windows,
)
from slate.fields import Field
from slate.filters import check_filter
from slate.inference import check_expression
from slate.kinds import Kind, kind_of
from slate.resolvers import Resolved
from slate.windows import duration, levels, window

# What a hand-written model has besides keys and attributes: when a row holds from, when the
# platform could know it, and what breaks a tie of both.
MODEL_TIMES = ("event_ts", "received_at")
ROW_ID = "row_id"


class FeatureView(Definition):
    """Features of one entity: of a source's events over windows, or of a model's latest row.

    Attributes:
        entity: whose features they are.
        source: the events that a windowed view aggregates.
        model: the dbt model whose latest row an attribute view reads. Its columns: the entity's
            keys, the attributes, event_ts, received_at and row_id.
        ttl: how old a row (or a last value) may be and still count, as a duration ("30d").
        windowed: whether it aggregates a source.
        features: its features by column.
        measures: a windowed view's aggregates by name.
        levels: a windowed view's sizes of tile in microseconds, smallest first.
        ttl_us: the ttl in microseconds, None without one.
    """

    entity: ClassVar[type[Entity]]
    source: ClassVar[type[Source]]
    model: ClassVar[str] = ""
    ttl: ClassVar[str] = ""
    windowed: ClassVar[bool]
    features: ClassVar[dict[str, Feature]]
    measures: ClassVar[dict[str, Measure]]
    levels: ClassVar[tuple[int, ...]]
    ttl_us: ClassVar[int | None]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        where = cls.__name__
        entity, source = vars(cls).get("entity"), vars(cls).get("source")
        if not (isinstance(entity, type) and issubclass(entity, Entity)):
            raise DefinitionError(f"{where}: say whose features they are: entity = ...")
        if (source is None) == (not cls.model):
            raise DefinitionError(
                f"{where} reads either a source's events (source = ...) or a model's latest row "
                "(model = '...')"
            )
        cls.windowed = source is not None
        cls.ttl_us = duration(cls.ttl, f"{where}.ttl") if cls.ttl else None
        cls.measures, cls.levels = {}, ()
        texts = comments(cls)
        cls.features = _aggregates(cls, texts) if cls.windowed else _attributes(cls, texts)
        if not cls.features:
            raise DefinitionError(f"{where} defines no feature")
        cls._names = tuple({**cls.features, **cls.measures})


def _attributes(view: type[FeatureView], texts: dict[str, str]) -> dict[str, Feature]:
    found: dict[str, Feature] = {}
    for name, annotation in annotations(view).items():
        where = f"{view.__name__}.{name}"
        if name in (*view.entity.keys, *MODEL_TIMES, ROW_ID):
            raise DefinitionError(f"{where}: every model has this column; it is no attribute")
        marker = vars(view).get(name, Field())
        if not isinstance(marker, Field) or marker.role not in ("value", "key"):
            raise DefinitionError(
                f"{where} = {marker!r}: an attribute is annotated only, or followed by "
                "feature(...) or key_of(...)"
            )
        kind, _ = kind_of(annotation, where)
        check_constraints(where, kind, marker.constraints)
        feature = Attribute(
            view,
            name,
            kind,
            default=marker.default,
            constraints=marker.constraints,
            description=texts.get(name, ""),
            tags=marker.tags,
        )
        if marker.entity is not None:
            check_key(where, kind, marker.entity)
            feature.key_of = marker.entity
        found[name] = feature
        setattr(view, name, feature)
    return found


def _aggregates(view: type[FeatureView], texts: dict[str, str]) -> dict[str, Feature]:
    for key, kind in view.entity.keys.items():
        column = view.source.columns.get(key)
        if column is None or column.kind is not kind:
            raise DefinitionError(
                f"{view.__name__}: {view.source.__name__} needs a column `{key}: {kind.value}`, "
                f"the key of {view.entity.__name__}"
            )
    found: dict[str, Feature] = {}
    for name, aggregate in list(vars(view).items()):
        if not isinstance(aggregate, Aggregate):
            continue
        measure = _measure(view, name, aggregate)
        features = _windows(view, measure, aggregate, texts.get(name, ""))
        for feature in features.values():
            if feature.column in found:
                raise DefinitionError(
                    f"{view.__name__} has two features named {feature.column!r}: rename one, or "
                    "take one of the windows out"
                )
            found[feature.column] = feature
        view.measures[name] = measure
        one = next(iter(features.values()))
        many = Windows(f"{view.__name__}.{name}", features)
        setattr(view, name, many if aggregate.listed and aggregate.over else one)
    bounded = {w for m in view.measures.values() for w in m.windows}
    if view.measures:
        # A view of unbounded last values alone still needs tiles: of the default for a day.
        view.levels = levels(bounded or {window("1d", view.__name__)}, view.__name__)
    return found


def _measure(view: type[FeatureView], name: str, aggregate: Aggregate) -> Measure:
    where = f"{view.__name__}.{name}"
    function, column = aggregate.function, aggregate.column
    if aggregate.where is not None:
        check_filter(where, aggregate.where, view.source)
    if column is not None:
        if not isinstance(column, Column) or column.source is not view.source:
            raise DefinitionError(f"{where}: {column!r} is no column of {view.source.__name__}")
        if column.kind not in function.inputs:
            takes = ", ".join(kind.value for kind in function.inputs)
            raise DefinitionError(
                f"{where}: {function.name} takes {takes}, but {column!r} is a {column.kind.value}"
            )
    windows = tuple(window(text, where) for text in aggregate.over)
    if not windows and function is not LAST:
        raise DefinitionError(f"{where}: say the windows: over='1h' or over=['1h', '1d']")
    return Measure(
        name,
        function,
        column.name if isinstance(column, Column) else None,
        column.kind if isinstance(column, Column) else None,
        aggregate.where,
        windows,
    )


_OPTIONS = {"default", "min", "max", "one_of", "null_share", "tags"}


def _windows(
    view: type[FeatureView], measure: Measure, aggregate: Aggregate, text: str
) -> dict[str, Aggregated]:
    where = f"{view.__name__}.{measure.name}"
    options = dict(aggregate.options)
    if unknown := set(options) - _OPTIONS:
        raise DefinitionError(
            f"{where}: {measure.function.name} has no option {sorted(unknown)[0]!r}; "
            f"it has {', '.join(sorted(_OPTIONS))}"
        )
    default = options.get("default")
    kind = measure.function.output(measure.column_kind)
    if measure.function.empty is not None:
        if default is not None:
            raise DefinitionError(
                f"{where}: a {measure.function.name} over no events is "
                f"{measure.function.empty}; it takes no default"
            )
        default = kind.dtype.type(measure.function.empty).item()
    elif default is None and not kind.has_null:
        # NumPy has no null of this kind: where there may be none, the values are floats.
        kind = Kind.FLOAT
    one_of = options.get("one_of")
    constraints = Constraints(
        options.get("min"),
        options.get("max"),
        tuple(one_of) if one_of is not None else None,
        options.get("null_share"),
    )
    check_constraints(where, kind, constraints)
    features: dict[str, Aggregated] = {}
    for window_ in measure.windows or (None,):
        column = f"{measure.name}_{window_.name}" if window_ else measure.name
        feature = Aggregated(
            view,
            column,
            kind,
            default=default,
            constraints=constraints,
            description=text,
            tags=tuple(options.get("tags", ())),
        )
        feature.measure, feature.window = measure, window_
        features[window_.name if window_ else measure.name] = feature
    return features


class RequestFeatures(Definition):
    """Features that only the moment of asking can tell: expressions, resolvers and inputs.

    Attributes:
        features: its features by column, in the order in which they are written.
    """

    features: ClassVar[dict[str, Feature]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.features = {}
        texts = comments(cls)
        kinds = annotations(cls)
        for name, value in list(vars(cls).items()):
            where, text = f"{cls.__name__}.{name}", texts.get(name, "")
            if isinstance(value, Resolved):
                kind = value.kind
            elif name in kinds:
                kind, _ = kind_of(kinds[name], where)
            elif isinstance(value, Expr):
                raise DefinitionError(f"{where}: annotate its type, as in `{name}: float = ...`")
            else:
                continue
            cls.features[name] = _request_feature(cls, name, kind, value, text)
        if missing := [name for name in kinds if name not in cls.features]:
            raise DefinitionError(
                f"{cls.__name__}.{missing[0]} has no value: write an expression, or "
                "request_input() for what comes with the request"
            )
        # Only now: a name used inside the class body is the expression itself, and shared by it.
        for name, feature in cls.features.items():
            setattr(cls, name, feature)
        cls._names = tuple(cls.features)


def _request_feature(
    view: type[RequestFeatures], name: str, kind: Kind, value: object, text: str
) -> Feature:
    where = f"{view.__name__}.{name}"
    if isinstance(value, Input):
        value.bind(view, name, kind, text)
        check_constraints(where, kind, value.constraints)
        return value
    if not isinstance(value, Expr):
        raise DefinitionError(
            f"{where} = {value!r}: a request feature is an expression of other features, "
            "a @resolver or request_input()"
        )
    check_expression(where, value, kind)
    # An expression always has a value; of a kind without null it needs no default.
    never = None if kind.has_null else kind.dtype.type().item()
    feature = Computed(view, name, kind, default=never, description=text)
    feature.expression = value
    return feature
