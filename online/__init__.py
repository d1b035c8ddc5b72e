"""Slate online: features published to a store, and served from it in milliseconds."""

from slate.errors import StreamFullError
from slate.online.publishing.listing import Standing, StoredGeneration
from slate.online.publishing.publisher import Publisher
from slate.online.publishing.release import Release
from slate.online.publishing.rollback import Moved
from slate.online.remote.client import AsyncRemoteClient, RemoteClient
from slate.online.remote.ranked import Ranked
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.row_tables import Rows
from slate.online.serving.answer import Answer
from slate.online.serving.client import AsyncFeatureClient, FeatureClient
from slate.online.serving.lookup_stages import enable_metrics
from slate.online.serving.view_state import ViewState
from slate.online.store.generations import Generation
from slate.online.stream.writing.write_flow import Written
from slate.online.stream.writing.writer import AsyncEventWriter, EventWriter
from slate.states import State

__all__ = [
    "Answer",
    "AnswerError",
    "AsyncEventWriter",
    "AsyncFeatureClient",
    "AsyncRemoteClient",
    "EventWriter",
    "FeatureClient",
    "Generation",
    "Moved",
    "Publisher",
    "Ranked",
    "Release",
    "RemoteClient",
    "Rows",
    "Standing",
    "State",
    "StoredGeneration",
    "StreamFullError",
    "ViewState",
    "Written",
    "enable_metrics",
]
