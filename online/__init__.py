"""Slate online: features published to a store, and served from it in milliseconds."""

from online.answer import Answer, State, ViewState
from online.client import AsyncFeatureClient, FeatureClient
from online.generations import Generation
from online.publisher import Publisher
from online.rows import Rows

__all__ = [
    "Answer",
    "AsyncFeatureClient",
    "FeatureClient",
    "Generation",
    "Publisher",
    "Rows",
    "State",
    "ViewState",
]
