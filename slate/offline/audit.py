"""Auditing what was served: logged answers against the warehouse, and what differences are due to.

Each value of a logged answer is made again from the warehouse as of the instant that was asked
about. Where the two differ, the rows are made anew from single events, as they would be had only
those been known that the serving side can have known; what gives the served value is the cause.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from slate.answer_log import in_present_form, log_schema, views_of
from slate.compile.model_names import RAW
from slate.deployment import Deployment
from slate.expressions import Array
from slate.features import Aggregated, Attribute, Feature
from slate.fingerprints import fingerprint
from slate.kinds import Kind
from slate.offline.events_anew import KnownEvents, ValuesAnew
from slate.offline.frames import rows_of
from slate.offline.history import Question
from slate.offline.spines import Spine, spine_of
from slate.offline.values import HOUR, Values
from slate.offline.values_up_to import ValuesUpTo
from slate.plans import Plan
from slate.privacy import personal
from slate.services import made_of
from slate.states import State
from slate.stream_files import stream_file_sql
from slate.views import FeatureView

if TYPE_CHECKING:
    import duckdb

# Sums of floats depend on the order in which they are added up.
TOLERANCE = 1e-9
# How many answers are looked into at once, and how many rows of each: it takes some seconds.
LOOKED_INTO, ROWS = 20, 50
# Up to how many arrivals a stream may have been applied, of those that are tried.
CUTS = 10


class Cause(StrEnum):
    """What a difference is due to."""

    CLOCK = "clock"
    """The instant asked about lay ahead of the store's clock."""
    DEFINITION = "definition"
    """It was served by a former definition of its view."""
    NOT_KNOWN = "not known"
    """The store did not answer, had lost the row, or held something damaged; it was flagged so."""
    BEHIND = "worker behind"
    """The view's stream had not been applied up to the instant."""
    GENERATION = "generation"
    """What was published is older than the instant, and no stream adds to it."""
    LATE = "late event"
    """Events came by landing files after the answer, with arrivals from before it."""
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


@dataclass(frozen=True)
class Difference:
    """A value that was served otherwise than the warehouse tells.

    Attributes:
        request_id: of which request.
        row: of which of its rows.
        feature: which feature, by its full name.
        served: the value that was served.
        told: the value that the warehouse tells.
        cause: what it is due to.
    """

    request_id: str
    row: int
    feature: str
    served: Any
    told: Any
    cause: Cause


@dataclass(frozen=True)
class Audited:
    """What became of an audit.

    Attributes:
        answers: how many answers were looked at.
        values: how many values they have.
        differences: the values that differ.
    """

    answers: int
    values: int
    differences: list[Difference]


class Audit:
    """Audits the logged answers of a service.

    Args:
        deployment: the deployment.
        service: the service's name.
        connection: the warehouse.

    Attributes:
        connection: the warehouse.
        given: the columns of a log that say what was asked.
        schema: all columns of a log.

    Raises:
        DataError: the warehouse was not built, or of other definitions.
    """

    def __init__(
        self, deployment: Deployment, service: str, connection: "duckdb.DuckDBPyConnection"
    ) -> None:
        self._deployment, self.connection = deployment, connection
        self._service = deployment.registry.service(service)
        keys = [key for entity in self._service.keys for key in entity.keys]
        self.hidden = personal(self._service.features)
        self._features = tuple(f for f in self._service.features if f.name not in self.hidden)
        served = deployment.registry.plan(service)
        self.given = [*keys, *(feature.column for feature in served.inputs), "asked_at"]
        question = Question(deployment, self._service, self.given, "asked_at")
        self._plan: Plan = question.plan
        self._views = views_of(self._plan)
        self.schema = log_schema(served)
        self._views_behind = {
            feature.name: _views_behind(feature, self._plan) for feature in self._service.features
        }
        self._values = Values(deployment, self._plan, connection)

    @property
    def known_until(self) -> Any:
        """Up to which instant the warehouse can tell (UTC)."""
        return self._values.known_until

    @property
    def features(self) -> tuple[Feature, ...]:
        """The service's features, but for what is personal, which is not logged."""
        return self._features

    def spine(self, table: pa.Table) -> Spine:
        """What the rows of a log ask."""
        return spine_of(self._plan, rows_of(table.select(self.given)), "asked_at")

    def require_known(self, table: pa.Table) -> None:
        """Refuse rows whose instants the warehouse cannot tell yet.

        Raises:
            RequestError: some are of such.
        """
        self._values.require_known(self.spine(table))

    def views_behind(self, feature: Feature) -> set[str]:
        """The views that a feature's value comes of, those that lead to others among them."""
        return _views_behind(feature, self._plan)

    def anew(self, known: Mapping[str, KnownEvents]) -> ValuesAnew:
        """The service's values from single events, where just this is known of views."""
        return ValuesAnew(self._deployment, self._plan, self.connection, known)

    def told(self, values: Values, rows: pa.Table) -> pa.Table:
        """What some values are of the rows of a log, as they were to be served."""
        return values.of(self.spine(rows), lambda _: None, as_served=True)

    def of(self, table: pa.Table) -> Audited:
        """Audit answers.

        Values of features that were not logged yet, or were of another type, are passed over.

        Args:
            table: rows of the service's log, of instants before ``known_until``.
        """
        form = in_present_form(table, self.schema)
        left_out = {*form.lacking, *form.of_other_types}
        features = [feature for feature in self._features if feature.name not in left_out]
        table = form.table.append_column("stored_at", table["stored_at"])
        told = self.told(self._values, table)
        differ = {
            feature.name: found
            for feature in features
            if (found := differing(feature, table[feature.name], told[feature.name])).any()
        }
        number = len(table["request_id"].unique())
        values = table.num_rows * len(features)
        if not differ:
            return Audited(number, values, [])
        wrong = np.flatnonzero(np.logical_or.reduce(list(differ.values())))
        rows, expected = table.take(wrong), told.take(wrong)
        masks = {name: mask[wrong] for name, mask in differ.items()}
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
        for number_of, places in enumerate(left):
            some = {name: mask[places] for name, mask in masks.items()}
            of_it = dict.fromkeys(_places(some), Cause.UNEXAMINED)
            if number_of < LOOKED_INTO:
                first = {name: mask[:ROWS] for name, mask in some.items()}
                of_it |= self._causes(rows.take(places[:ROWS]), first)
            causes |= {(int(places[place]), name): cause for (place, name), cause in of_it.items()}
        differences = [
            Difference(
                rows["request_id"][place].as_py(),
                rows["request_row"][place].as_py(),
                name,
                rows[name][place].as_py(),
                expected[name][place].as_py(),
                cause,
            )
            for (place, name), cause in sorted(causes.items())
        ]
        return Audited(number, values, differences)

    def _of_former_definitions(
        self, rows: pa.Table, differ: Mapping[str, Array]
    ) -> set[tuple[int, str]]:
        """What comes of a generation of another definition than its view has by now."""
        views = self._deployment.registry.views
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
            for name in self._views
        }
        return {
            (place, name)
            for place, name in _places(differ)
            if any(former[view][place] for view in self._views_behind[name])
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
            for view in self._views
        }
        for view in self._views:
            plain &= np.asarray(
                pc.fill_null(pc.not_equal(rows[f"{view}:state"], State.MISSING), True)
            )
        for place in np.flatnonzero(plain).tolist():
            instant = asked[place].as_py()
            known = tuple(
                (view, one)
                for view in self._views
                if (one := until[view][place]) is not None and one < instant and not one % HOUR
            )
            if known:
                groups.setdefault(known, []).append(place)
        found: dict[tuple[int, str], Cause] = {}
        for known, places in list(groups.items())[:LOOKED_INTO]:
            some = {name: mask[places] for name, mask in differ.items()}
            values = ValuesUpTo(self._deployment, self._plan, self.connection, dict(known))
            of = dict(known)
            for place, name in self._same(values, rows.take(places), _places(some)):
                found[places[place], name] = self._behind(name, of)
        return found

    def _behind(self, feature: str, known: Mapping[str, Any]) -> Cause:
        """What it is called that some of a feature's views were known up to earlier instants."""
        views = self._views_behind[feature]
        streamed = any(self._is_streamed(view) and view in known for view in views)
        return Cause.BEHIND if streamed else Cause.GENERATION

    def _causes(self, rows: pa.Table, differ: Mapping[str, Array]) -> dict[tuple[int, str], Cause]:
        """The cause of each difference in some rows of one answer, by row and feature."""
        open_ = _places(differ)
        found: dict[tuple[int, str], Cause] = {}

        def settle(some: set[tuple[int, str]], cause: Cause) -> None:
            found.update(dict.fromkeys(some, cause))
            open_.difference_update(some)

        def served_by(known: Mapping[str, KnownEvents]) -> set[tuple[int, str]]:
            """Those that are what was served, where just this is known."""
            return self._same(self.anew(known), rows, open_)

        states = {view: rows[f"{view}:state"].to_pylist() for view in self._views}

        def of_state(wanted: State) -> set[tuple[int, str]]:
            return {
                (place, name)
                for place, name in open_
                if any(states[view][place] == wanted for view in self._views_behind[name])
            }

        settle(of_state(State.MISSING), Cause.NOT_KNOWN)
        asked = pc.cast(rows["asked_at"], pa.int64())[0].as_py()
        if open_ and asked > pc.cast(rows["stored_at"], pa.int64())[0].as_py():
            settle(set(open_), Cause.CLOCK)
        if not open_:
            return found
        whole = self.anew({})
        # What follows from all events is right, whatever the warehouse has made of them.
        settle(self._same(whole, rows, open_), Cause.WAREHOUSE)
        known = dict(self._known(rows))
        for cut in self._cuts(whole, known, asked):
            if not open_:
                break
            for place, name in served_by(cut):
                settle({(place, name)}, self._behind(name, known))
        if open_ and (late := self._late(rows, known)):
            settle(served_by(late), Cause.LATE)
        settle(of_state(State.DEFAULT), Cause.ROW_LOST)
        settle(set(open_), Cause.UNEXPLAINED)
        return found

    def _same(
        self, values: Values, rows: pa.Table, places: set[tuple[int, str]]
    ) -> set[tuple[int, str]]:
        """Which of some values are what was served."""
        told = self.told(values, rows)
        names = {name for _, name in places}
        differ = {
            feature.name: differing(feature, rows[feature.name], told[feature.name])
            for feature in self._features
            if feature.name in names
        }
        return {(place, name) for place, name in places if not differ[name][place]}

    def _cuts(
        self, whole: ValuesAnew, known: Mapping[str, KnownEvents], asked: int
    ) -> Iterator[Mapping[str, KnownEvents]]:
        """What may have been known: what was told at least, or up to one of the latest arrivals.

        A stream is applied in order of arrival, and what was told of it was true for all keys: of
        some it may have been applied further.
        """
        if not known:
            return
        yield known
        arrivals = {
            arrival
            for view, of in known.items()
            if self._is_streamed(view)
            for arrival in whole.arrivals.get(view, ())
            if of.before is not None and of.before <= arrival < asked
        }
        for arrival in sorted(arrivals, reverse=True)[:CUTS]:
            yield {
                view: KnownEvents(max(arrival, of.before or 0)) if self._is_streamed(view) else of
                for view, of in known.items()
            }

    def _known(self, rows: pa.Table) -> Iterator[tuple[str, KnownEvents]]:
        """Up to when views were known that were not known up to the instant asked about."""
        asked = pc.cast(rows["asked_at"], pa.int64())[0].as_py()
        for view in self._views:
            until = pc.cast(rows[f"{view}:known_until"], pa.int64())[0].as_py()
            if until is not None and until < asked:
                yield view, KnownEvents(until)

    def _late(self, rows: pa.Table, known: Mapping[str, KnownEvents]) -> dict[str, KnownEvents]:
        """Which events of views came by landing files after the answer, if there are any."""
        found: dict[str, KnownEvents] = {}
        answered, asked = (rows[name][0].as_py() for name in ("answered_at", "asked_at"))
        for name in self._views:
            view = self._deployment.registry.views[name]
            if not view.windowed or not view.source.landing:
                continue
            source = view.source
            ids = self.connection.execute(
                f"""select distinct {source.unique_id} from {RAW}.{source.landing} as landed
                join {RAW}.files as files on files.file = landed._file
                where files.taken_in_at > ? and {source.arrival_time} < ?
                and not {stream_file_sql("files.name")}""",
                [answered.replace(tzinfo=None), asked.replace(tzinfo=None)],
            ).fetchall()
            if ids:
                before = known[name].before if name in known else None
                found[name] = KnownEvents(before, tuple(one for (one,) in ids))
        return {**known, **found} if found else {}

    def _is_streamed(self, view: str) -> bool:
        found = self._deployment.registry.views[view]
        return found.windowed and bool(found.source.stream)


def differing(feature: Feature, served: pa.ChunkedArray, told: pa.ChunkedArray) -> Array:
    """Of which rows a feature's values are not the same; sums of floats but for their order."""
    if feature.value_type.length is not None:
        if served.equals(told):
            return np.zeros(len(served), np.bool_)
        pairs = zip(served.to_pylist(), told.to_pylist(), strict=True)
        return np.array([not _same_list(feature, one, other) for one, other in pairs], np.bool_)
    if feature.kind is Kind.FLOAT:
        one, other = (
            column.combine_chunks().to_numpy(zero_copy_only=False) for column in (served, told)
        )
        close: Array = np.isclose(one, other, rtol=TOLERANCE, atol=0, equal_nan=True)
        return ~close
    same = pc.fill_null(pc.equal(served, told), False)
    both = pc.and_(pc.is_null(served), pc.is_null(told))
    found: Array = np.asarray(pc.invert(pc.or_(same, both)))
    return found


def _same_list(feature: Feature, one: list[Any], other: list[Any]) -> bool:
    if feature.kind is Kind.FLOAT and len(one) == len(other):
        left, right = (np.array(values, np.float64) for values in (one, other))
        return bool(np.isclose(left, right, rtol=TOLERANCE, atol=0, equal_nan=True).all())
    return one == other


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


def _views_behind(feature: Feature, plan: Plan) -> set[str]:
    """The views that a feature's value comes of, those that lead to others among them."""
    found: set[str] = set()

    def add(view: Any) -> None:
        if not (isinstance(view, type) and issubclass(view, FeatureView)) or view.name in found:
            return
        found.add(view.name)
        for way in plan.read(view).keys.values():
            if isinstance(way, Feature):
                add(way.view)

    for one in made_of([feature]):
        if isinstance(one, Attribute | Aggregated):
            add(one.view)
    return found
