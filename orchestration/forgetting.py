"""Forgetting: all that Slate keeps of some entities deleted, what it is in made anew, and a search.

In this order, so that it may be stopped anywhere and run again:

1. What waits in streams and in the log of answers is taken into files.
2. Rows are taken out of all files of Parquet, and out of the warehouse, which is copied.
3. The whole chain runs, from what is left, and publishes every view; no older generation is kept.
4. What the streams add is made anew from their archives, and no answer stays frozen.
5. What training sets were before goes; reports, logs and Dagster's history are blotted out.
6. The store writes its file anew, and everything is searched.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from redis import Redis

from slate.assets.answer_files import take_in
from slate.assets.answer_log import logged_plans
from slate.assets.dbt_project import dbt_project, parse_if_changed
from slate.assets.forgetting import tables
from slate.assets.forgetting.data_folder import DataFolder
from slate.assets.forgetting.looked import Looked
from slate.assets.forgetting.store_search import StoreSearch
from slate.assets.landing_files import landing_sources
from slate.assets.manifests import CURRENT
from slate.assets.previews import previews
from slate.assets.training_sets import VERSIONS
from slate.deployment import Deployment
from slate.errors import DataError, StoreError
from slate.exposures import EXPOSURES, exposures_folder
from slate.offline.warehouse import held_alone
from slate.online import Publisher
from slate.online.publishing.sweeping import remove_former
from slate.online.serving.frozen_answers import remove_frozen
from slate.online.store import logged_entries
from slate.online.store.compaction import rewrite_files
from slate.online.store.delta_removal import forget_former_definitions
from slate.online.store.deployment_keys import beginning_with
from slate.online.store.embedded_server import EmbeddedServer
from slate.online.store.redis_client import all_servers
from slate.online.store.stream_names import StreamNames, routed_views, streamed_sources
from slate.online.stream.applying.afresh import leave_afresh
from slate.online.stream.dead_letters.queue import DeadLetters
from slate.online.stream.workers.draining import drain, require_no_workers
from slate.orchestration.runs import run_everything
from slate.subjects import Subjects

TIMEOUT = 10.0
_NEVER = datetime.max.replace(tzinfo=UTC)

Say = Callable[[str], None]


@dataclass
class Forgetting:
    """Forgets some entities of a deployment.

    Args:
        deployment: the deployment.
        subjects: the entities.
        redis: a client of its store.
        address: the store's address.
        server: the store, where it is an embedded one.
        say: told of progress.
        now: what tells the time in microseconds where the past is played again; None for the
            store's clock.

    Attributes:
        notes: what could not be done, or not be looked at, and is no failure.
    """

    deployment: Deployment
    subjects: Subjects
    redis: Redis
    address: str
    server: EmbeddedServer | None
    say: Say
    now: Callable[[], int] | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folder = DataFolder(self.deployment, self.subjects)
        self._anywhere = False

    def search(self) -> list[Looked]:
        """Everything that Slate keeps, place by place, and what is found there.

        Previews are not looked into: they are told of as what was not read.

        Raises:
            DataError: a run has the warehouse, or it cannot be read.
            RedisError: the store fails.
        """
        found: list[Looked] = []
        if self.deployment.warehouse.is_file():
            with self._warehouse(), tables.opened(self.deployment.warehouse) as connection:
                self._anywhere = not tables.has_longer(connection, self.subjects)
                found += tables.search(connection, self.subjects)
        if short := self.subjects.short:
            self.notes.append(
                f"{', '.join(short)}: so few bytes are in any file by chance; in the warehouse's, "
                "whose tables were searched by query, and in the store's those between marks count"
            )
        self.say("searching files")
        found += self._folder.search(anywhere=self._anywhere)
        self.say("searching the online store")
        store = StoreSearch(
            self.redis,
            self.deployment.name,
            self.deployment.registry,
            self.subjects,
            anywhere=self._anywhere,
            ids=self._folder.forgotten_ids(),
        )
        unread = [
            f"the preview {name} has what production had: `slate env remove {name}`"
            for name in self._previews()
        ]
        beside = [Looked("previews", "previews", len(unread), unread=unread)] if unread else []
        return [*found, *store.run(), *beside]

    def run(self) -> bool:
        """Forget them; whether the chain succeeded, without which it is not done.

        Raises:
            DataError: a run has the warehouse, there are previews, or a file cannot be read or
                written.
            StoreError: workers run, or a view is pinned.
            RedisError: the store fails.
        """
        self.require_free()
        warehouse = self.deployment.warehouse
        if warehouse.is_file():
            # Before anything is deleted: what dbt builds is found by it.
            parse_if_changed(self.deployment)
        with self._warehouse():
            self.say("taking in what waits in streams and in the log of answers")
            self._take_in()
            self.say("taking rows out of files")
            self._folder.remove_unfinished()
            self._folder.take_out()
            if warehouse.is_file():
                self.say("taking rows out of the warehouse, and copying what is left")
                with tables.opened(warehouse) as connection:
                    manifest = dbt_project(self.deployment).manifest_path
                    sources = landing_sources(self.deployment.registry)
                    tables.delete(connection, self.subjects, manifest, sources)
                tables.compact(warehouse)
        if not self._rebuilt():
            return False
        self.say("clearing training sets, reports and Dagster's history")
        self._remove_former_training()
        self._folder.take_out(training=True)
        self._folder.blot_out()
        self.say("having the store write its file anew")
        self._rewrite_store()
        return True

    def require_free(self) -> None:
        """Refuse to begin where others are in the way, or would keep what is to be forgotten.

        Raises:
            DataError: a run has the warehouse, there are previews, or this is one.
            StoreError: workers run, or a view is pinned.
        """
        if self.deployment.env:
            raise DataError(
                f"{self.deployment.env} is a preview, and its landing files are production's: "
                f"`slate env remove {self.deployment.env}` deletes all of it, then run this "
                "without --env"
            )
        if names := self._previews():
            raise DataError(
                f"{', '.join(names)}: previews have what production had when they were made, and "
                f"would keep it: remove each (`slate env remove {names[0]}`), run this again, and "
                "make them anew after it"
            )
        require_no_workers(self.redis, self.deployment)
        with Publisher.connect(self.deployment) as publisher:
            views = self.deployment.registry.views.values()
            pinned = [view.name for view in views if publisher.pinned(view) is not None]
        if pinned:
            raise StoreError(
                f"{', '.join(pinned)}: the live generation is pinned, and would stay as it is: "
                f"`slate unpin {' '.join(pinned)}`, and run this again"
            )
        with self._warehouse():
            pass

    def _previews(self) -> list[str]:
        """The names of the previews that there are of this deployment."""
        return [] if self.deployment.env else [one.name for one in previews(self.deployment)]

    def _take_in(self) -> None:
        drain(self.redis, self.deployment, self.server, self.now)
        for source in streamed_sources(self.deployment.registry):
            letters = DeadLetters(self.redis, self.deployment.name, source)
            letters.forget_those_of(self.subjects.in_text)
        for plan in logged_plans(self.deployment):
            service = plan.service.full_name
            folder = self.deployment.answers / service
            take_in(self.redis, self.deployment.name, service, folder)
        # Also of experiments that there are no more.
        start = logged_entries.stream_name(self.deployment.name, EXPOSURES)
        for stream in beginning_with(self.redis, start):
            name = stream.removeprefix(start)
            if ":" not in name:
                folder = exposures_folder(self.deployment, name)
                take_in(self.redis, self.deployment.name, EXPOSURES + name, folder)

    def _rebuilt(self) -> bool:
        """Build and publish everything anew, also what streams add; whether it succeeded."""
        deployment = self.deployment
        if deployment.warehouse.is_file():
            self.say("running the whole chain anew, from what is left")
            # dbt's own words are not data.
            with redirect_stdout(sys.stderr):
                # Nothing is kept that one could go back to.
                if not run_everything(replace(deployment, kept_generations=0)):
                    return False
        registry, name = deployment.registry, deployment.name
        with Publisher.connect(deployment) as publisher:
            for view in registry.views.values():
                publisher.clean(view, 0)
        remove_former(self.redis, name, set(registry.views), _NEVER)
        sources = [
            source
            for source in streamed_sources(registry)
            if source.landing
            and routed_views(registry, source)
            and self.redis.exists(StreamNames(name, source).clock)
        ]
        if sources:
            self.say("making anew what the streams add, from their archives")
            require_no_workers(self.redis, deployment)
            for source in sources:
                leave_afresh(self.redis, name, registry, source)
            drain(self.redis, deployment, self.server, self.now)
        require_no_workers(self.redis, deployment)
        forget_former_definitions(self.redis, name, registry)
        # Only now: what served until here may have been frozen. Keys may lie in them as numbers
        # that are not told from others, so none is kept.
        remove_frozen(self.redis, name)
        return True

    def _remove_former_training(self) -> None:
        """Remove what training sets were before the version that is current."""
        for folder in self.deployment.training.glob("*"):
            current = (folder / CURRENT).resolve()
            if folder.name in self.deployment.registry.services and current.is_dir():
                for version in (folder / VERSIONS).glob("*"):
                    if version.resolve() != current:
                        shutil.rmtree(version)

    def _rewrite_store(self) -> None:
        embedded = self.server.folder if self.server is not None else None
        with all_servers(self.address, TIMEOUT) as servers:
            for address, server in servers.items():
                if (why := rewrite_files(server, embedded)) is not None:
                    self.notes.append(
                        f"{address} did not write its file anew ({why}): what was deleted is in it "
                        "until it does, by BGREWRITEAOF, or BGSAVE where it has no append-only file"
                    )
                if embedded is None:
                    self.notes.append(
                        f"the files of {address}, its replicas and its backups lie elsewhere, and "
                        "were not searched"
                    )

    @contextmanager
    def _warehouse(self) -> Iterator[None]:
        """Hold the warehouse, so that no run has it.

        Raises:
            DataError: one does.
        """
        self.deployment.make_data()
        again = "run this again when that has ended"
        with held_alone(self.deployment.warehouse, again):
            yield
