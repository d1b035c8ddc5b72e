"""Slate: features for live recommendations, defined once, equal offline and online.

The language of definitions, what is derived from them, and ``history``, which reads the warehouse
as they say. This package imports nothing of the rest.
"""

from slate.aggregates import (
    count,
    distinct,
    first,
    last,
    last_n,
    max,
    mean,
    min,
    quantile,
    share,
    std,
    sum,
    top,
)
from slate.candidates import CandidateSet
from slate.entities import Entity, key_of
from slate.expressions import Array, now
from slate.features import is_null, request_input
from slate.fields import arrival_time, column, event_time, feature, unique_id
from slate.gates import Allowed, Gate
from slate.lists import contains, occurrences
from slate.offline.history import history, history_batches
from slate.registry import Registry
from slate.resolvers import resolver
from slate.services import FeatureService
from slate.sources import Source
from slate.views import FeatureView, RequestFeatures

__all__ = [
    "Allowed",
    "Array",
    "CandidateSet",
    "Entity",
    "FeatureService",
    "FeatureView",
    "Gate",
    "Registry",
    "RequestFeatures",
    "Source",
    "arrival_time",
    "column",
    "contains",
    "count",
    "distinct",
    "event_time",
    "feature",
    "first",
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
    "occurrences",
    "quantile",
    "request_input",
    "resolver",
    "share",
    "std",
    "sum",
    "top",
    "unique_id",
]
