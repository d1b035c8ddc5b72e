"""Slate online: features published to a store, and served from it in milliseconds."""

from online.answer import Answer, State, ViewState
from online.client import AsyncFeatureClient, FeatureClient
from online.generations import Generation
from online.publisher import Publisher
from online.rows import Rows
from online.stream.writer import AsyncEventWriter, EventWriter
from online.stream.writing import Written
from slate.errors import StreamFullError

__all__ = [
    "Answer",
    "AsyncEventWriter",
    "AsyncFeatureClient",
    "EventWriter",
    "FeatureClient",
    "Generation",
    "Publisher",
    "Rows",
    "State",
    "StreamFullError",
    "ViewState",
    "Written",
]
