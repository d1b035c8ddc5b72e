"""Feature views and request features: where features are written."""

from collections.abc import Mapping
from typing import Any, ClassVar

from slate.aggregates import Measure
from slate.base import Definition, members
from slate.comments import comments
from slate.entities import Entity, entity_of_key
from slate.errors import DefinitionError
from slate.expressions import Expr
from slate.features import Attribute, Computed, Feature, Input
from slate.fields import field_of
from slate.gates import Gate
from slate.identifiers import VIEW_COLUMNS, check_name, longer
from slate.inference import check_expression
from slate.kinds import kind_of
from slate.resolvers import Resolved
from slate.sources import Source
from slate.thresholds import age_limit, share_limit
from slate.windowed import windowed
from slate.windows import duration


class FeatureView(Definition):
    """Features of one entity: of a source's events over windows, or of a model's latest row.

    Attributes:
        entity: whose features they are.
        source: the events that a windowed view aggregates.
        model: the dbt model whose latest row an attribute view reads. Its columns: the entity's
            keys, the attributes, event_ts, received_at and row_id.
        ttl: how old a row (or a last value) may be and still count, as a duration ("30d").
        fresh_within: the view is held back when its newest row happened longer ago than this, by
            the platform's clock; empty where rows may be of any age.
        max_null_shift: the view is held back when a feature's share of nulls is greater than in
            the last good run by more than this, from 0 to 1, or hardly any values are left; 1 lets
            any share pass. Those of windows of less than a day are only warned of, unless the gate
            names them.
        gate: how many rows may be lost, and how far values may move, from the last good run before
            the view is held back.
        near: kept decoded in the processes that serve, at most so far behind the store ("1s"); for
            views of few rows that most requests read. Empty: read from the store by each request.
        windowed: whether it aggregates a source.
        features: its features by column.
        measures: a windowed view's aggregates by name.
        levels: a windowed view's sizes of tile in microseconds, smallest first.
        ttl_us: the ttl in microseconds, None without one.
        fresh_within_us: ``fresh_within`` in microseconds, None without it.
        near_us: ``near`` in microseconds, None without it.
    """

    entity: ClassVar[type[Entity]]
    source: ClassVar[type[Source]]
    model: ClassVar[str] = ""
    ttl: ClassVar[str] = ""
    fresh_within: ClassVar[str] = ""
    max_null_shift: ClassVar[float] = 0.5
    gate: ClassVar[Gate] = Gate()
    near: ClassVar[str] = ""
    windowed: ClassVar[bool]
    features: ClassVar[dict[str, Feature]]
    measures: ClassVar[dict[str, Measure]]
    levels: ClassVar[tuple[int, ...]]
    ttl_us: ClassVar[int | None]
    fresh_within_us: ClassVar[int | None]
    near_us: ClassVar[int | None]

    _settings = Definition._settings | {
        "entity": type,
        "source": type,
        "model": str,
        "ttl": str,
        "fresh_within": str,
        "max_null_shift": object,
        "gate": Gate,
        "near": str,
    }

    def __init_subclass__(cls) -> None:
        found = members(cls)
        super().__init_subclass__()
        where = cls.__name__
        entity, source = vars(cls).get("entity"), vars(cls).get("source")
        if not (isinstance(entity, type) and issubclass(entity, Entity)):
            raise DefinitionError(f"{where}: say whose features they are: entity = ...")
        if (source is None) == (not cls.model) or not issubclass(source or Source, Source):
            raise DefinitionError(
                f"{where} reads either a source's events (source = ...) or a model's latest row "
                "(model = '...')"
            )
        check_name(where, cls.name, entity.name)
        if cls.model:
            check_name(f"{where}.model", cls.model, cls.name)
        if cls.name == "spine":
            raise DefinitionError(f"{where}: a training set calls its rows so; rename the class")
        for name in found:
            if name in (*entity.keys, *VIEW_COLUMNS):
                raise DefinitionError(
                    f"{where}.{name}: every model has this column; rename the feature, as in "
                    f"{longer(cls.name, name)!r}"
                )
        cls.windowed = source is not None
        cls.ttl_us = duration(cls.ttl, f"{where}.ttl") if cls.ttl else None
        cls.fresh_within_us = age_limit(cls.fresh_within, f"{where}.fresh_within")
        cls.max_null_shift = share_limit(cls.max_null_shift, f"{where}.max_null_shift")
        cls.near_us = _near(cls, entity)
        cls.measures, cls.levels, cls._names = {}, (), {}
        if source is not None:
            made = windowed(cls, entity, source, found, comments(cls))
            cls.features, cls.measures, cls.levels = made.features, made.measures, made.levels
        else:
            cls.features = _attributes(cls, found, comments(cls))
        if not cls.features:
            raise DefinitionError(f"{where} defines no feature")
        if unknown := [name for name in cls.gate.features if name not in cls.features]:
            raise DefinitionError(
                f"{where}.gate names {unknown[0]!r}, which is no feature of {where}: its features "
                f"are {', '.join(cls.features)}"
            )


def _near(view: type[FeatureView], entity: type[Entity]) -> int | None:
    """How far behind a near view may be, in microseconds.

    Raises:
        DefinitionError: it is not a duration, or the view cannot be near.
    """
    if not view.near:
        return None
    where = f"{view.__name__}.near"
    behind = duration(view.near, where)
    if len(entity.keys) == 2:
        raise DefinitionError(
            f"{where}: {entity.__name__} is a pair, and of pairs there may be any number: keep "
            "views of one key near, and let pairs be read from the store"
        )
    return behind


def _attributes(
    view: type[FeatureView], found: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, Feature]:
    features: dict[str, Feature] = {}
    for name, annotation in found.items():
        where = f"{view.__name__}.{name}"
        field = field_of(view, name, annotation, "feature", "key_of")
        kind, _ = kind_of(annotation, where)
        feature = Attribute(
            view,
            name,
            kind,
            default=field.default,
            constraints=field.constraints,
            description=texts.get(name, ""),
            tags=field.tags,
        )
        if field.entity is not None:
            feature.key_of = entity_of_key(where, kind, field.entity)
        features[name] = feature
        view._names[name] = name
        setattr(view, name, feature)
    return features


class RequestFeatures(Definition):
    """Features that only the moment of asking can tell: expressions, resolvers and inputs.

    Attributes:
        features: its features by column, in the order in which they are written.
    """

    features: ClassVar[dict[str, Feature]]

    def __init_subclass__(cls) -> None:
        found = members(cls)
        super().__init_subclass__()
        cls.features = {}
        texts = comments(cls)
        if missing := [name for name in found if name not in vars(cls)]:
            raise DefinitionError(
                f"{cls.__name__}.{missing[0]} has no value: write an expression, or "
                "request_input() for what comes with the request"
            )
        for name in [name for name in vars(cls) if name in found]:
            cls.features[name] = _request_feature(cls, name, found[name], texts.get(name, ""))
        # Only now: a name used inside the class body is the expression itself, and shared by it.
        for name, feature in cls.features.items():
            setattr(cls, name, feature)
        cls._names = {name: name for name in cls.features}


def _request_feature(
    view: type[RequestFeatures], name: str, annotation: object, text: str
) -> Feature:
    where, value = f"{view.__name__}.{name}", vars(view)[name]
    if not isinstance(value, Expr):
        raise DefinitionError(
            f"{where} = {value!r}: a request feature is an expression of other features, "
            "a @resolver or request_input()"
        )
    if annotation is not None:
        kind, _ = kind_of(annotation, where)
    elif isinstance(value, Resolved):
        kind = value.kind
    else:
        raise DefinitionError(f"{where}: annotate its type, as in `{name}: float = ...`")
    if isinstance(value, Input):
        value.bind(view, name, kind, text)
        return value
    check_expression(where, value, kind)
    feature = Computed(view, name, kind, description=text)
    feature.expression = value
    return feature
