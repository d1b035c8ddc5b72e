"""What it is due to that values were served otherwise than the warehouse tells.

The rows are made anew from single events, as they would be had only those been known that the
serving side can have known; what gives the served value is the cause.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.answer_log import definitions_in
from slate.expressions import Array
from slate.fingerprints import fingerprint
from slate.offline.differing_values import differing
from slate.offline.events_anew import KnownEvents
from slate.offline.forgotten import forgotten_since
from slate.offline.known_events import (
    answered_and_asked,
    came_later,
    is_streamed,
    known_at_least,
    known_perhaps,
    replaced_later,
    without,
)
from slate.offline.served_log import ServedLog
from slate.offline.values import Values
from slate.states import State
from slate.windows import HOUR

# How many answers are looked into at once, and how many rows of each: it takes some seconds.
LOOKED_INTO, ROWS = 20, 50


class Cause(StrEnum):
    """What a difference is due to."""

    CLOCK = "clock"
    """The instant asked about lay ahead of the store's clock."""
    DEFINITION = "definition"
    """It was served by a former definition of the feature, or of what it is made of."""
    NOT_KNOWN = "not known"
    """The store did not answer, had lost the row, or held something damaged; it was flagged so."""
    BEHIND = "worker behind"
    """The view's stream had not been applied up to the instant."""
    GENERATION = "generation"
    """What was published is older than the instant, and no stream adds to it."""
    LATE = "late event"
    """Events came by landing files after the answer, with arrivals from before it; or a file took
    another's place, of which it is not known what it had held."""
    FORGOTTEN = "forgotten"
    """Rows of somebody that it may have come of were forgotten after the answer."""
    ROW_LOST = "row lost"
    """The store told that there is no row, and there had been one."""
    WAREHOUSE = "warehouse"
    """What the warehouse derived of its events does not follow from them; a defect."""
    UNEXPLAINED = "unexplained"
    """None of these; a defect."""
    UNEXAMINED = "unexamined"
    """There were too many at once to be looked into."""

    @property
    def is_defect(self) -> bool:
        """Whether it should never be."""
        return self in (Cause.ROW_LOST, Cause.WAREHOUSE, Cause.UNEXPLAINED)


class Causes:
    """Finds what differences are due to.

    Args:
        log: the log that has what was served.
    """

    def __init__(self, log: ServedLog) -> None:
        self._log = log

    def of(self, rows: pa.Table, differ: Mapping[str, Array]) -> dict[tuple[int, str], Cause]:
        """The cause of each difference, by row and feature.

        Args:
            rows: rows of the log, in its present form.
            differ: by feature, of which of them the values differ.
        """
        masks = {name: mask.copy() for name, mask in differ.items()}
        causes = dict.fromkeys(self._of_former_definitions(rows, masks), Cause.DEFINITION)
        for place, name in causes:
            masks[name][place] = False
        due = self._of_generations(rows, masks)
        for place, name in due:
            masks[name][place] = False
        causes |= due
        left = [
            places
            for places in _by_answer(rows)
            if any(mask[places].any() for mask in masks.values())
        ]
        for number, places in enumerate(left):
            some = {name: mask[places] for name, mask in masks.items()}
            of_it = dict.fromkeys(_places(some), Cause.UNEXAMINED)
            if number < LOOKED_INTO:
                first = {name: mask[:ROWS] for name, mask in some.items()}
                of_it |= self._of_answer(rows.take(places[:ROWS]), first)
            causes |= {(int(places[place]), name): cause for (place, name), cause in of_it.items()}
        return causes

    def _of_former_definitions(
        self, rows: pa.Table, differ: Mapping[str, Array]
    ) -> set[tuple[int, str]]:
        """What was served by another definition than the feature has by now.

        Where the log is of a version of Slate that did not tell of features, it is what comes of a
        generation of another definition than its view has.
        """
        served, present = definitions_in(rows.schema), definitions_in(self._log.schema)
        views = self._log.deployment.registry.views
        former = {
            # A generation's name begins with its definition's fingerprint.
            name: np.asarray(
                pc.fill_null(
                    pc.invert(
                        pc.starts_with(rows[f"{name}:generation"], f"{fingerprint(views[name])}-")
                    ),
                    False,
                )
            )
            for name in self._log.views
        }
        return {
            (place, name)
            for place, name in _places(differ)
            if (
                served[name] != present[name]
                if name in served
                else any(former[view][place] for view in self._log.views_behind(name))
            )
        }

    def _of_generations(
        self, rows: pa.Table, differ: Mapping[str, Array]
    ) -> dict[tuple[int, str], Cause]:
        """What is due to views having been published as of an earlier hour, of all rows at once."""
        asked, stored = (pc.cast(rows[name], pa.int64()) for name in ("asked_at", "stored_at"))
        plain = np.asarray(pc.less_equal(asked, stored)).copy()
        groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
        until = {
            view: pc.cast(rows[f"{view}:known_until"], pa.int64()).to_pylist()
            for view in self._log.views
        }
        for view in self._log.views:
            plain &= np.asarray(
                pc.fill_null(pc.not_equal(rows[f"{view}:state"], State.MISSING), True)
            )
        for place in np.flatnonzero(plain).tolist():
            instant = asked[place].as_py()
            known = tuple(
                (view, one)
                for view in self._log.views
                if (one := until[view][place]) is not None and one < instant and not one % HOUR
            )
            if known:
                groups.setdefault(known, []).append(place)
        found: dict[tuple[int, str], Cause] = {}
        for known, places in list(groups.items())[:LOOKED_INTO]:
            some = {name: mask[places] for name, mask in differ.items()}
            values = self._log.up_to(dict(known))
            of = dict(known)
            for place, name in self._same(values, rows.take(places), _places(some)):
                found[places[place], name] = self._behind(name, of)
        return found

    def _behind(self, feature: str, known: Mapping[str, Any]) -> Cause:
        """What it is called that some of a feature's views were known up to earlier instants."""
        views = self._log.views_behind(feature)
        streamed = any(is_streamed(self._log, view) and view in known for view in views)
        return Cause.BEHIND if streamed else Cause.GENERATION

    def _of_answer(
        self, rows: pa.Table, differ: Mapping[str, Array]
    ) -> dict[tuple[int, str], Cause]:
        """The cause of each difference in some rows of one answer, by row and feature."""
        open_ = _places(differ)
        found: dict[tuple[int, str], Cause] = {}

        def settle(some: set[tuple[int, str]], cause: Cause) -> None:
            found.update(dict.fromkeys(some, cause))
            open_.difference_update(some)

        def served_by(known: Mapping[str, KnownEvents]) -> set[tuple[int, str]]:
            """Those that are what was served, where just this is known."""
            return self._same(self._log.anew(known), rows, open_)

        states = {view: rows[f"{view}:state"].to_pylist() for view in self._log.views}

        def of_state(wanted: State) -> set[tuple[int, str]]:
            return {
                (place, name)
                for place, name in open_
                if any(states[view][place] == wanted for view in self._log.views_behind(name))
            }

        settle(of_state(State.MISSING), Cause.NOT_KNOWN)
        asked = pc.cast(rows["asked_at"], pa.int64())[0].as_py()
        if open_ and asked > pc.cast(rows["stored_at"], pa.int64())[0].as_py():
            settle(set(open_), Cause.CLOCK)
        if not open_:
            return found
        whole = self._log.anew({})
        # What follows from all events is right, whatever the warehouse has made of them.
        settle(self._same(whole, rows, open_), Cause.WAREHOUSE)
        known = known_at_least(self._log, rows)
        cuts = list(known_perhaps(self._log, whole, known, asked))
        for cut in cuts:
            if not open_:
                break
            for place, name in served_by(cut):
                settle({(place, name)}, self._behind(name, known))
        if open_ and (late := came_later(self._log, rows)):
            # A stream may have been behind for the same answer.
            for cut in cuts or [{}]:
                if not open_:
                    break
                settle(served_by(without(late, cut)), Cause.LATE)
        settle(of_state(State.DEFAULT), Cause.ROW_LOST)
        # Files are written anew where somebody is forgotten.
        settle(self._made_of(self._forgotten(rows), open_), Cause.FORGOTTEN)
        settle(self._made_of(replaced_later(self._log, rows), open_), Cause.LATE)
        settle(set(open_), Cause.UNEXPLAINED)
        return found

    def _same(
        self, values: Values, rows: pa.Table, places: set[tuple[int, str]]
    ) -> set[tuple[int, str]]:
        """Which of some values are what was served."""
        told = self._log.told(values, rows)
        names = {name for _, name in places}
        differ = {
            feature.name: differing(feature, rows[feature.name], told[feature.name])
            for feature in self._log.features
            if feature.name in names
        }
        return {(place, name) for place, name in places if not differ[name][place]}

    def _forgotten(self, rows: pa.Table) -> set[str]:
        """The sources of which rows were forgotten after the answer."""
        return forgotten_since(self._log.connection, *answered_and_asked(rows))

    def _made_of(self, sources: set[str], places: set[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of some values may have come of rows of some sources."""
        return {
            (place, name)
            for place, name in places
            if any(self._sources(view) & sources for view in self._log.views_behind(name))
        }

    def _sources(self, view: str) -> set[str]:
        """The sources whose events a view's rows may come of."""
        registry = self._log.deployment.registry
        found = registry.views[view]
        if found.windowed:
            return {found.source.name}
        of_model = {name for name, one in registry.sources.items() if one.model == found.model}
        # A model that somebody wrote may read all of them.
        return of_model or set(registry.sources)


def _places(differ: Mapping[str, Array]) -> set[tuple[int, str]]:
    """The rows and features of some masks by feature."""
    return {
        (place, name) for name, mask in differ.items() for place in np.flatnonzero(mask).tolist()
    }


def _by_answer(rows: pa.Table) -> list[Array]:
    """The places of each answer's rows; an id may have been given to several answers."""
    known = ("request_id", "asked_at", "answered_at")
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, answer in enumerate(zip(*(rows[one].to_pylist() for one in known), strict=True)):
        found.setdefault(answer, []).append(place)
    return [np.array(places) for places in found.values()]
