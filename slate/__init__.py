"""Slate: features for live recommendations, defined once, equal offline and online.

The language of definitions, what is derived from them, and ``history``, which reads the warehouse
as they say. This package imports nothing of the rest.
"""

from slate.aggregates import count, last, last_n, max, mean, min, std, sum
from slate.entities import Entity, Source
from slate.expressions import Array, now
from slate.features import is_null, request_input
from slate.fields import arrival_time, column, event_time, feature, key_of, unique_id
from slate.offline.history import history, history_batches
from slate.registry import Registry
from slate.resolvers import resolver
from slate.services import FeatureService
from slate.views import FeatureView, RequestFeatures

__all__ = [
    "Array",
    "Entity",
    "FeatureService",
    "FeatureView",
    "Registry",
    "RequestFeatures",
    "Source",
    "arrival_time",
    "column",
    "count",
    "event_time",
    "feature",
    "history",
    "history_batches",
    "is_null",
    "key_of",
    "last",
    "last_n",
    "max",
    "mean",
    "min",
    "now",
    "request_input",
    "resolver",
    "std",
    "sum",
    "unique_id",
]
