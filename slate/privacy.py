"""What is personal: features and columns tagged ``pii``, which are computed with and not shown.

A feature is personal that has the tag, or whose view has it, and one that is a value of a column
which has it, such as ``last(Event.email)``. What is computed of it is so if it says so itself. The
tag is no part of a definition's meaning: adding it changes no value, fingerprint or lock.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from slate.features import Aggregated, Feature
from slate.source_columns import Column
from slate.sources import Source, column_of
from slate.views import FeatureView

PII = "pii"
# What is shown in its place.
HIDDEN = "[pii]"


def is_personal(feature: Feature) -> bool:
    """Whether a feature's values are not to be shown."""
    if PII in (*feature.tags, *feature.view.tags):
        return True
    measure = feature.measure if isinstance(feature, Aggregated) else None
    if measure is None or measure.column is None or not measure.function.picks_values:
        return False
    view = feature.view
    assert isinstance(view, type)
    assert issubclass(view, FeatureView)
    return is_personal_column(view.source, column_of(view.source, measure.column))


def is_personal_column(source: type[Source], column: Column) -> bool:
    """Whether a source's column has the tag, or is computed of one that has it."""
    read = (source.columns[name] for name in column.reads)
    return any(PII in (*one.tags, *source.tags) for one in (column, *read))


def personal_columns(source: type[Source]) -> frozenset[str]:
    """The names of a source's own columns whose values are not to be shown."""
    columns = source.columns.items()
    return frozenset(name for name, column in columns if is_personal_column(source, column))


def personal(features: Iterable[Feature]) -> frozenset[str]:
    """The full names of those features whose values are not to be shown."""
    return frozenset(feature.name for feature in features if is_personal(feature))


def hidden(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Values by name, with ``HIDDEN`` in the place of those of some names; a null stays one.

    Examples:
        >>> hidden({"a": 1, "b": None, "c": 2}, ["a", "b"])
        {'a': '[pii]', 'b': None, 'c': 2}
    """
    taken = set(names)
    return {
        name: HIDDEN if name in taken and value is not None else value
        for name, value in values.items()
    }
