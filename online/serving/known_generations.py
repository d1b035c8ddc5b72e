"""Which generations are live, as far as a client knows, and whether the store answers."""

import logging
import time

from redis.exceptions import ResponseError

from slate.online.rows.answer_errors import gathered
from slate.online.serving.known_views import KnownViews
from slate.online.serving.lookup_stages import Mark, Stage
from slate.online.store.flows import ExchangeError, Flow, NodeError, again_if_broken
from slate.online.store.live_generations import NOTHING, LiveGenerations
from slate.registry import Registry

logger = logging.getLogger(__name__)


class KnownGenerations:
    """Which generations are live.

    Args:
        deployment: the deployment's name.
        registry: its definitions.
        refresh: for how many seconds that is believed, and that a store which failed is not worth
            asking.

    Attributes:
        known: what is known of views.
        before: what was, before something else was live.
        error: why the store is left alone; None while it answers.
    """

    def __init__(self, deployment: str, registry: Registry, refresh: float) -> None:
        self._generations = LiveGenerations(deployment, registry)
        self._told = KnownViews(registry.views.values())
        self._refresh = refresh
        self.known = self.before = NOTHING
        self.error: str | None = None
        self._until = 0.0

    def refreshed(self, mark: Mark) -> Flow[str | None]:
        """Find out what is live, if that is not known of late; tells why nothing can be asked."""
        error = self.error
        if time.monotonic() >= self._until:
            if error:
                # One request looks whether the store is back; others need not wait for it.
                self._until = time.monotonic() + self._refresh
            error = yield from self.find()
            mark(Stage.LIVE)
        return error

    def find(self) -> Flow[str | None]:
        """Ask which generations are live; return why that cannot be known."""
        try:
            known = yield from again_if_broken(self._generations.ask)
        except NodeError as error:
            if self.known is NOTHING:
                return str(error)
            # What was live is served on: markers tell whether its rows are there, and how far it
            # knows its stream was said before. It is asked again with the next refresh.
            logger.warning("%s: answering by what was live before", error)
            self._until = time.monotonic() + self._refresh
            return None
        except ExchangeError as error:
            self.fail(error)
            return str(error)
        except ResponseError as error:
            return f"the online store does not say what is live ({error})"
        self.error = None
        self._until = time.monotonic() + self._refresh
        news = known.unknown.items() - self.known.unknown.items()
        for told in gathered(told for _, told in sorted(news)):
            logger.warning("%s", told)
        if known.live != self.known.live:
            self.before = self.known
        self.known = known
        self._told.take(known)
        return None

    def close(self) -> None:
        """Tell metrics nothing any more."""
        self._told.close()

    def fail(self, error: ExchangeError) -> None:
        """Leave a lost store alone; what happened to one request is not a sign of that."""
        if not error.lost:
            return
        if self.error is None:
            logger.warning("%s: answering with defaults until it is back", error)
        self.error = str(error)
        self._until = time.monotonic() + self._refresh
