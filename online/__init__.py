"""Slate online: features published to a store, and served from it in milliseconds."""

from online.publishing.publisher import Publisher
from online.rows.row_tables import Rows
from online.serving.answer import Answer, State, ViewState
from online.serving.client import AsyncFeatureClient, FeatureClient
from online.store.generations import Generation
from online.stream.writing.write_flow import Written
from online.stream.writing.writer import AsyncEventWriter, EventWriter
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
