"""Publishing: the step that writes the views of a run, and makes them live together."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import duckdb

from slate.asset_keys import online_path
from slate.assets import published
from slate.assets.database import Warehouse
from slate.assets.publishing import (
    archived_since,
    digest,
    landed_files,
    newest_event,
    online_rows,
    stream_from,
    view_as_of,
)
from slate.assets.verdicts import require_passed, require_unchanged
from slate.deployment import Deployment
from slate.errors import ConfigurationError, DataError, HeldBackError, StoreError
from slate.locks.standing import standing
from slate.online import Generation, Publisher, Release
from slate.views import FeatureView

# The job of everything.
WHOLE = "build_everything"
# The tag of a run that says which views go live together or not at all: their names, with commas.
TOGETHER = "slate/together"
# The metadata that says of when a view's newest published row is.
NEWEST = "newest"


def published_views(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    deployment: Deployment,
    views: Sequence[type[FeatureView]],
) -> Iterator[dg.MaterializeResult[None]]:
    """Publish the views that a run asks for; tells Dagster of each that is live.

    Args:
        context: the run's.
        warehouse: the warehouse, which nobody else has open.
        deployment: the deployment.
        views: all of its views.

    Raises:
        DataError: at the end, where views were left out: why each was.
    """
    asked = [view for view in views if _key(view) in context.selected_asset_keys]
    refused: list[DataError] = []
    lacking: set[str] = set()
    with (
        warehouse.get_connection() as connection,
        Publisher.connect(deployment) as store,
        store.release(context.run.run_id) as release,
    ):
        step = _Step(context, deployment, connection, store, release)
        # One state of the tables: what is published is what was checked.
        connection.begin()
        published.prepare(connection)
        prepared: list[_Prepared] = []
        for view in asked:
            if (since := store.pinned(view)) is not None:
                step.leave_pinned(view, since)
                continue
            try:
                with _apart(connection, warehouse, view):
                    prepared.append(step.prepare(view))
            except DataError as error:
                context.log.error(str(error))
                refused.append(error)
                lacking.add(view.name)
        together = set(context.run.tags.get(TOGETHER, "").split(","))
        if lacking & together:
            refused += step.leave_out([one for one in prepared if one.view.name in together])
            lacking |= {one.view.name for one in prepared} & together
            prepared = [one for one in prepared if one.view.name not in together]
        left = [view for view in asked if view.name in lacking]
        passed = [one.view for one in prepared if not one.written]
        try:
            store.tell_held_back(left, passed)
        except StoreError as error:
            # A full store keeps nobody from going on with what is live.
            context.log.warning(str(error))
        live, told = release.go_live(), []
        for one in prepared:
            if one.written:
                if one.view.name not in live:
                    step.leave_pinned(one.view, "a moment ago")
                    continue
                one.generation = live[one.view.name]
                published.remember(connection, one.view, one.generation.name, one.content)
            told.append(one)
        connection.commit()
        for one in told:
            for removed in store.remove_former(deployment.registry, one.generation):
                context.log.info(f"{removed} is no longer defined: deleted from the store")
    if live:
        context.log.info(f"live together: {', '.join(live)}")
    for one in told:
        yield step.result(one)
    if refused:
        raise _refusal(refused)


@dataclass
class _Prepared:
    """A view whose generation goes live, or is live already.

    Attributes:
        view: the view.
        generation: the generation.
        content: all that it is made of, as a text.
        written: whether it was written; else it is live.
        newest: when the newest of its rows happened.
        seconds: how long it took.
    """

    view: type[FeatureView]
    generation: Generation
    content: str
    written: bool
    newest: datetime | None
    seconds: float


@dataclass(frozen=True)
class _Step:
    """One run's step."""

    context: dg.AssetExecutionContext
    deployment: Deployment
    connection: duckdb.DuckDBPyConnection
    store: Publisher
    release: Release

    def prepare(self, view: type[FeatureView]) -> _Prepared:
        """Write a view's generation, unless the live one says the same.

        Raises:
            DataError: what its tables hold was not checked, or did not pass, or cannot be
                published.
        """
        began, connection, store = time.perf_counter(), self.connection, self.store
        try:
            standing(self.deployment).require_view_kept(view)
        except ConfigurationError as error:
            raise DataError(str(error)) from error
        require_passed(connection, [view])
        require_unchanged(connection, view)
        as_of = view_as_of(connection, view)
        first = store.streamed_since(view) or archived_since(self.deployment, view)
        since = stream_from(connection, view, first)
        known = landed_files(connection, view, as_of)
        held = digest(connection, view, rounded=True)
        content = str((held, as_of, since, known and (known.taken_in, len(known.files))))
        live = store.live_whole(view)
        # Who asks for some assets, or to publish, wants them written, as after damage.
        run = self.context.run
        in_whole = run.job_name == WHOLE and not run.asset_selection
        written = not (in_whole and live and published.holds(connection, view, live.name, content))
        if written or live is None:
            rows, progress = online_rows(connection, view), self._progress(view, began)
            known = landed_files(connection, view, as_of, self._kept_since(view))
            live = self.release.write(view, rows, as_of, progress, since, known)
        seconds = time.perf_counter() - began
        speed = f"written, {live.rows / seconds:,.0f}/s" if written else "as it is live already"
        self.context.log.info(f"{view.name}: {live.rows:,} rows, {speed}")
        newest = newest_event(connection, view)
        return _Prepared(view, live, content, written, newest, seconds)

    def _kept_since(self, view: type[FeatureView]) -> datetime | None:
        if not view.windowed:
            return None
        views = self.deployment.registry.views.values()
        return self.store.kept_since(v for v in views if v.windowed and v.source is view.source)

    def _progress(self, view: type[FeatureView], began: float) -> Any:
        told = 0.0

        def progress(rows: int) -> None:
            nonlocal told
            elapsed = time.perf_counter() - began
            if elapsed - told >= 1:
                told = elapsed
                self.context.log.info(
                    f"{view.name}: {rows:,} rows written, {rows / elapsed:,.0f}/s"
                )

        return progress

    def leave_pinned(self, view: type[FeatureView], since: str) -> None:
        """Say that a view stays as it is."""
        self.context.log.warning(
            f"{view.name} is not published, as its live generation is pinned since {since}: "
            f"`slate unpin {view.name}` lets the next run go live"
        )

    def leave_out(self, written: Sequence[_Prepared]) -> list[DataError]:
        """Leave views as they are that go live with one that does not; gives an error for each."""
        told: list[DataError] = []
        for one in written:
            self.release.leave_out(one.view)
            told.append(
                HeldBackError(
                    f"{one.view.name} stays as it was, as what is applied goes live together or "
                    "not at all"
                )
            )
            self.context.log.warning(str(told[-1]))
        return told

    def result(self, one: _Prepared) -> dg.MaterializeResult[None]:
        """What Dagster is told of a view that is live."""
        age = self.deployment.now() - one.generation.as_of
        metadata: dict[str, Any] = {
            **generation_metadata(one.generation),
            "age_seconds": age.total_seconds(),
            "seconds": round(one.seconds, 3),
            "rows_per_second": round(one.generation.rows / one.seconds),
        }
        if one.newest is not None:
            metadata[NEWEST] = dg.MetadataValue.timestamp(one.newest)
        return dg.MaterializeResult(asset_key=_key(one.view), metadata=metadata)


@contextmanager
def _apart(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, view: type[FeatureView]
) -> Iterator[None]:
    """Let what DuckDB cannot read of one view leave the connection to the others.

    Raises:
        DataError: DuckDB failed.
    """
    try:
        yield
    except duckdb.Error as error:
        # After an error it takes no more of the transaction. Of the tables there is no other state
        # than the one that was checked: until the run ends, nobody else has the file.
        connection.rollback()
        connection.begin()
        published.prepare(connection)
        raise DataError(warehouse.failure(f"{view.name} is not published", error)) from error


def generation_metadata(generation: Generation) -> dict[str, Any]:
    """What is told of a generation."""
    told: dict[str, Any] = {
        "dagster/row_count": generation.rows,
        "generation": generation.name,
        "publish": generation.publish,
        "as_of": dg.MetadataValue.timestamp(generation.as_of),
        "keys": generation.keys,
        "bytes": generation.size,
    }
    if generation.stream_from is not None:
        told["stream_from"] = dg.MetadataValue.timestamp(generation.stream_from)
    return told


def _refusal(refused: list[DataError]) -> DataError:
    """The error of all views that were left out."""
    told = "; ".join(map(str, refused))
    held_back = all(isinstance(error, HeldBackError) for error in refused)
    return HeldBackError(told) if held_back else DataError(told)


def _key(view: type[FeatureView]) -> dg.AssetKey:
    return dg.AssetKey(online_path(view))
