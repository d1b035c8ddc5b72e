"""The features of a windowed view: what its aggregates become over each of their windows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slate.aggregates import (
    Aggregate,
    LatestFunction,
    Measure,
    OverLast,
    TileFunction,
    ValuesFunction,
)
from slate.base import Definition, setting_meant
from slate.constraints import Constraints
from slate.derived import as_column, resolved
from slate.entities import Entity
from slate.errors import DefinitionError, nearest
from slate.features import Aggregated, Feature, Windows
from slate.filters import check_filter
from slate.identifiers import ASKED_AT
from slate.kinds import Kind
from slate.sources import Source
from slate.windows import FOREVER, levels, window

_OPTIONS = {"default", "min", "max", "one_of", "null_share", "tags"}
# What others call them.
_MEANT = dict.fromkeys(("window", "windows"), "over") | {"filter": "where"}
# What the values of a list must satisfy is said of the source's column.
_LIST_OPTIONS = {"default", "tags"}


@dataclass(frozen=True)
class Windowed:
    """What a windowed view is made of.

    Attributes:
        features: its features by column.
        measures: its aggregates by name.
        levels: its sizes of tile in microseconds, smallest first.
    """

    features: dict[str, Feature]
    measures: dict[str, Measure]
    levels: tuple[int, ...]


def windowed(
    view: type[Definition],
    entity: type[Entity],
    source: type[Source],
    found: Mapping[str, Any],
    texts: Mapping[str, str],
) -> Windowed:
    """Read the body of a windowed view, and let its names lead to its features.

    Args:
        view: the view.
        entity: whose features they are.
        source: the events that it aggregates.
        found: what its body defines, by name.
        texts: the comment beside each name.

    Raises:
        DefinitionError: what is wrong with one of the aggregates, or with the source.
    """
    _check_source(view, entity, source)
    features: dict[str, Feature] = {}
    measures: dict[str, Measure] = {}
    for name, annotation in found.items():
        where, aggregate = f"{view.__name__}.{name}", vars(view).get(name)
        if annotation is not None or not isinstance(aggregate, Aggregate):
            option = setting_meant(view, name, annotation)
            raise DefinitionError(
                f"{where}: a view of a source holds aggregates alone, as in "
                f"`{name} = count(over='1h')`; attributes are of a view of a model"
                + (f". There is an option {option!r}: write that, if it is meant" if option else "")
            )
        _check_options(where, aggregate)
        measure = measures[name] = _measure(source, where, name, aggregate)
        several = aggregate.listed and bool(measure.windows)
        windows: dict[str, Aggregated] = {}
        for feature in _features(view, where, measure, aggregate, texts.get(name, "")):
            if feature.column in features:
                raise DefinitionError(
                    f"{where}: {view.__name__} has two features named {feature.column!r}: rename "
                    "one, or take one of the windows out"
                )
            features[feature.column] = feature
            label = feature.window.name if feature.window else name
            windows[label] = feature
            view._names[feature.column] = f"{where}[{label!r}]" if several else where
        view._names[name] = name
        setattr(view, name, Windows(where, windows) if several else feature)
    bounded = {w for m in measures.values() for w in m.windows if w.bounded}
    # A view of unbounded last values alone still needs tiles: of the default for a day.
    tiles = levels(bounded or {window("1d", view.__name__)}, view.__name__) if features else ()
    return Windowed(features, measures, tiles)


def _check_source(view: type[Definition], entity: type[Entity], source: type[Source]) -> None:
    columns = source.columns
    for key, kind in entity.keys.items():
        if key not in columns or columns[key].kind is not kind:
            raise DefinitionError(
                f"{view.__name__}: {source.__name__} needs a column `{key}: {kind.value}`, "
                f"the key of {entity.__name__}"
            )
        columns[key].is_key = True
    if ASKED_AT in columns:
        raise DefinitionError(
            f"{view.__name__}: its own tables have a column {ASKED_AT!r}: rename "
            f"{columns[ASKED_AT]!r}"
        )


def _check_options(where: str, aggregate: Aggregate) -> None:
    known = _OPTIONS if aggregate.length is None else _LIST_OPTIONS
    if unknown := aggregate.options.keys() - known:
        option = min(unknown)
        hint = nearest(_MEANT.get(option, option), {*known, "where", "over", "last"})
        raise DefinitionError(
            f"{where}: {aggregate.function.name} has no option {option!r}: {hint}"
        )


def _measure(source: type[Source], where: str, name: str, aggregate: Aggregate) -> Measure:
    function, column = aggregate.function, aggregate.column
    condition = resolved(where, source, aggregate.where)
    if condition is not None:
        check_filter(where, condition, source)
    if column is not None:
        column = as_column(where, source, column)
        if column.source is not source:
            raise DefinitionError(f"{where}: {column!r} is not a column of {source.__name__}")
        if column.kind not in function.inputs:
            takes = ", ".join(kind.value for kind in function.inputs)
            raise DefinitionError(
                f"{where}: {function.name} takes {takes}, but {column!r} is a {column.kind.value}"
            )
    elif isinstance(function, OverLast):
        # Events are counted by what each has.
        column = source.columns[source.event_time]
    windows = tuple(window(text, f"{where}(over=...)") for text in aggregate.over)
    if not windows and not isinstance(function, LatestFunction):
        raise DefinitionError(f"{where}: say the windows: over='1h' or over=['1h', '1d']")
    if FOREVER in aggregate.over and not (
        isinstance(function, TileFunction) and function.over_forever
    ):
        instead = (
            "leave `over` out: it looks back without bound"
            if isinstance(function, LatestFunction)
            else "give a duration: it cannot be kept up without bound"
        )
        raise DefinitionError(f"{where}: {function.name} takes no over={FOREVER!r}; {instead}")
    if isinstance(function, ValuesFunction):
        for one in windows:
            function.check_size(where, one)
    return Measure(
        name,
        function,
        None if column is None else column.name,
        None if column is None else column.kind,
        condition,
        windows,
        aggregate.length,
    )


def _features(
    view: type[Definition], where: str, measure: Measure, aggregate: Aggregate, text: str
) -> Iterator[Aggregated]:
    function, options = measure.function, aggregate.options
    default = options.get("default")
    kind = function.output(measure.column_kind)
    if function.empty is not None:
        if default is not None:
            raise DefinitionError(
                f"{where}: a {function.name} over no events is {function.empty}; "
                "it takes no default"
            )
        default = kind.dtype.type(function.empty).item()
    elif measure.length is not None and default is None and not kind.has_null:
        raise DefinitionError(
            f"{where}: an array of type {kind.value} has no null to be padded with where there are "
            "fewer values: give default=..."
        )
    elif default is None and not kind.has_null:
        # NumPy has no null of this kind: where there may be none, the values are floats.
        kind = Kind.FLOAT
    if default is not None and function.least is not None and default < function.least[0]:
        least, reason = function.least
        raise DefinitionError(
            f"{where}: the default {default!r} is below {least}, but {reason}: give {least} or "
            "more, or none"
        )
    for window_ in measure.windows or (None,):
        feature = Aggregated(
            view,
            f"{measure.name}_{window_.name}" if window_ else measure.name,
            kind,
            default=default,
            constraints=Constraints(
                *(options.get(name) for name in ("min", "max", "one_of", "null_share"))
            ),
            description=text,
            tags=options.get("tags", ()),
        )
        feature.measure, feature.window = measure, window_
        yield feature
