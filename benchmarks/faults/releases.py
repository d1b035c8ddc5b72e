"""Publishes under load: of all views at once or one by one, rolled back, and without room."""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from multiprocessing.synchronize import Event as Signal
from typing import Any

import numpy as np

from benchmarks.faults.load import Judge
from slate.assets.publishing import online_rows
from slate.deployment import Deployment
from slate.errors import StoreError
from slate.online import Publisher
from slate.online.publishing.rollback import REBUILD
from slate.online.rows.row_tables import Rows
from slate.online.store.generations import GenerationNames
from slate.online.store.redis_client import connect

# How often it is gone back and forward, each time within so many seconds; the last time back.
SWITCHES, SWITCH_SECONDS = 9, 1.5
# What is published takes some megabytes.
LEAST_ROOM, MOST_ROOM = 1_000, 4_000_000
# For how many seconds a roll back may be refused as workers make rows anew, and between two.
PATIENT, RETRY = 30.0, 0.2

# The rows of each view by its name, as they are published.
OnlineViews = dict[str, list[Rows]]


def online_views(deployment: Deployment, warehouse: Any) -> OnlineViews:
    """What is published of each view.

    Args:
        deployment: the deployment.
        warehouse: a connection to the warehouse, with all models built.
    """
    views = deployment.registry.views.values()
    return {view.name: list(online_rows(warehouse, view)) for view in views}


def publish(deployment: Deployment, rows: OnlineViews, as_of: datetime) -> None:
    """Publish every view, as of an instant from which on streams add to it."""
    with connect(deployment.redis) as redis:
        publisher = Publisher(redis, deployment.name)
        for view in deployment.registry.views.values():
            try:
                publisher.publish(
                    view, rows[view.name], as_of, stream_from=as_of if view.windowed else None
                )
            except StoreError:
                # Another publish overtook this one.
                continue


def publish_when_told(
    deployment: Deployment, rows: OnlineViews, as_of: datetime, ready: Signal
) -> None:
    """The same in a process of its own, which says when it begins."""
    ready.set()
    publish(deployment, rows, as_of)


class Releases:
    """Publishes all views in one step, and takes them back.

    Args:
        deployment: the deployment; its store has an address.
        rows: what is published of each view.
        other: the same with other values.
        as_of: the instant up to which they know all events.
        judge: is told what is of which publish.
        random: draws when something happens.
    """

    def __init__(
        self,
        deployment: Deployment,
        rows: OnlineViews,
        other: OnlineViews,
        as_of: datetime,
        judge: Judge,
        random: np.random.Generator,
    ) -> None:
        self._deployment, self._registry = deployment, deployment.registry
        self._rows, self._other, self._as_of = rows, other, as_of
        self._judge, self._random = judge, random
        self._publishes = 0

    def roll_back(self) -> None:
        """Publish all views twice, of other values the second time, and go back and forward."""
        self._publishes += 1
        right, other = (f"{what} {self._publishes}" for what in ("right", "other"))
        views = self._registry.views.values()
        with connect(self._deployment.redis) as redis:
            publisher = Publisher(redis, self._deployment.name)
            self._judge.publishes = {}
            self._release(publisher, right, self._rows)
            self._release(publisher, other, self._other)
            for number in range(SWITCHES):
                time.sleep(float(self._random.uniform(0, SWITCH_SECONDS)))
                if number % 2:
                    _when_whole(partial(publisher.rollback, *views, to=other))
                else:
                    _, of_it = publisher.views_of_publish(self._registry, other)
                    _when_whole(partial(publisher.rollback, *of_it))
            # What is right is live last; the askers know of it within their refresh.
            time.sleep(SWITCH_SECONDS)
            self._judge.publishes = None
        self._judge.damaged.clear()

    def _release(self, publisher: Publisher, name: str, rows: OnlineViews) -> None:
        """Publish every view, all in one step."""
        with publisher.release(name) as release:
            for view in self._registry.views.values():
                stream_from = self._as_of if view.windowed else None
                written = release.write(view, rows[view.name], self._as_of, stream_from=stream_from)
                # Before anybody can read it.
                if self._judge.publishes is not None:
                    self._judge.publishes[written.name] = name
                if rows is self._other:
                    self._judge.other.add(written.name)
            release.go_live()

    def publish_without_memory(self) -> None:
        """Publish all views where the store fills up on the way, then with room again."""
        with connect(self._deployment.redis) as redis:
            publisher = Publisher(redis, self._deployment.name)
            before = self._live(publisher)
            used = int(redis.info("memory")["used_memory"])
            redis.config_set("maxmemory", used + int(self._random.integers(LEAST_ROOM, MOST_ROOM)))
            try:
                self._release(publisher, "too much", self._rows)
                went_live = True
            except StoreError as error:
                went_live = False
                if "is full" not in str(error):
                    self._judge.note_wrong(f"of a full store a publisher is told: {error}")
            if not went_live and self._live(publisher) != before:
                self._judge.note_wrong("a publish that found no room changed what is live")
            time.sleep(SWITCH_SECONDS)
            redis.config_set("maxmemory", 0)
            self._release(publisher, "with room", self._rows)
            store: Any = redis
            for view in self._registry.views.values():
                live = publisher.live(view)
                assert live is not None
                names = GenerationNames(self._deployment.name, view.name)
                there = {name.decode() for name in store.smembers(names.generations)}
                if left := there - {live.name, *(one.name for one in live.kept)}:
                    self._judge.note_wrong(f"{view.name}: {sorted(left)} are left over")
        self._judge.damaged.clear()

    def _live(self, publisher: Publisher) -> dict[str, str]:
        """The names of the generations that are live."""
        live = {name: publisher.live(view) for name, view in self._registry.views.items()}
        return {name: one.name for name, one in live.items() if one is not None}


def _when_whole(roll_back: Callable[[], object]) -> None:
    """Roll back, once no worker makes rows of the stream anew: what was damaged before may be."""
    until = time.monotonic() + PATIENT
    while True:
        try:
            roll_back()
        except StoreError as error:
            if REBUILD not in str(error) or time.monotonic() > until:
                raise
            time.sleep(RETRY)
        else:
            return
