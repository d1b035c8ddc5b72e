"""The load: a writer of events, clients that ask, and the judge of each answer."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.faults.truth import COUNTED, Counted, Event, Key, Truth, differences, known_events
from live_shopping import definitions as shop
from slate.errors import StoreError
from slate.online import Answer, EventWriter, RemoteClient, State
from slate.online.rows.instants import microseconds

CANDIDATES = 100
TIMEOUT = 0.5
# A request that was given up on time is answered a little later: its defaults are made then.
SPARE = 0.1
EVENTS_AT_ONCE = 20
PAUSE = 0.02
RETRY = 0.05
# Of an answer these rows are held against the truth, besides those that were damaged.
JUDGED = 2
SHOWN = 20
FLAGGED = (State.MISSING, State.STALE)


@dataclass
class Tally:
    """What became of all requests.

    Attributes:
        counts: how often something happened, by what.
        wrong: the first wrong values without a flag, in words; those that lack events which they
            should know are counted as lost, those that count some twice as doubled.
        raised: the first exceptions, in words.
        seconds: how long each request took.
    """

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, number: int = 1) -> None:
        """Count something."""
        with self.lock:
            self.counts[what] += number

    def note(self, what: str, notes: list[str], text: str) -> None:
        """Count something, and keep the first in words."""
        with self.lock:
            self.counts[what] += 1
            if len(notes) < SHOWN:
                notes.append(text)


class Judge:
    """Holds answers against the truth.

    Args:
        truth: what is true.
        tally: where it is counted.

    Attributes:
        damaged: shows whose published rows were damaged: every answer with them is judged by these.
        streamed: shows of which what the stream added was damaged, likewise. They may stay flagged
            until an event of theirs comes.
        other: the names of generations that were published of other values.
        publishes: which publish generations are of, by their names, while nothing else is
            published: an answer has to be of one publish. None while views go live one by one.
    """

    def __init__(self, truth: Truth, tally: Tally) -> None:
        self.damaged: set[str] = set()
        self.streamed: set[str] = set()
        self.other: set[str] = set()
        self.publishes: dict[str, str] | None = None
        self._truth = truth
        self._tally = tally

    def judge(
        self, answer: Answer, viewer: str, shows: list[str], rows: list[int], whole: bool = False
    ) -> None:
        """Judge rows of an answer.

        Args:
            answer: the answer.
            viewer: the viewer asked for.
            shows: the shows asked for.
            rows: which of them are judged.
            whole: whether every event written is in it by now, and nothing is flagged.
        """
        found = answer.to_arrow().take(rows).to_pylist()
        at = microseconds(answer.at)
        self._together(answer)
        for row, values in zip(rows, found, strict=True):
            show = shows[row]
            self._attributes(answer, row, show, values)
            for counted in COUNTED:
                key = self._key(counted, viewer, show)
                self._counted(counted, key, answer, row, values, at, whole)

    def _key(self, counted: Counted, viewer: str, show: str) -> Key:
        keys = {
            "viewer_id": viewer,
            "show_id": show,
            "seller_id": self._truth.seller_of[show],
            "category": self._truth.category_of[show],
        }
        return tuple(keys[name] for name in counted.view.entity.keys)

    def _together(self, answer: Answer) -> None:
        """Whether all views that an answer knows of are of one publish."""
        publishes = self.publishes
        if publishes is None:
            return
        of = {
            view: publishes.get(state.generation, "one before")
            for view, state in answer.states.items()
            if state.generation is not None
        }
        self._tally.add("answers of one publish", len(set(of.values())) == 1)
        if len(set(of.values())) > 1:
            self._wrong(f"an answer is of several publishes: {of}")

    def _is_other(self, answer: Answer, view: str) -> bool:
        return answer.states[view].generation in self.other

    def _attributes(self, answer: Answer, row: int, show: str, values: dict[str, Any]) -> None:
        truths = [self._truth.attributes(show, other) for other in (False, True)]
        for name in truths[0]:
            view = name.partition(".")[0]
            expected = truths[self._is_other(answer, view)][name]
            if answer.states[view].state[row] in FLAGGED:
                self._tally.add("flagged")
                continue
            self._tally.add("values")
            if values[name] != expected:
                self._wrong(f"{show}: {name}: should be {expected!r}, is {values[name]!r}")

    def _counted(
        self,
        counted: Counted,
        key: Key,
        answer: Answer,
        row: int,
        values: dict[str, Any],
        at: int,
        whole: bool,
    ) -> None:
        state = answer.states[counted.view.name].state[row]
        if state in FLAGGED:
            self._tally.add("flagged")
            if whole and not self.streamed.intersection(key):
                self._wrong(f"{key}: {counted.view.name} is flagged, though all is well again")
            return
        other = self._is_other(answer, counted.view.name)
        events: list[Event] = self._truth.events(counted.view, key, other)
        known = known_events(counted, events, values, at)
        least = self._truth.known_before(counted.view, key)
        if whole:
            least = len(events)
        if known < least:
            what = f"{key}: {counted.view.name} ({State(state).name}) knows"
            if known < 0:
                self._wrong(f"{what} more than all {len(events)} events", "doubled")
            else:
                should = f"{known} of {len(events)} events, and should at least {least}"
                self._wrong(f"{what} {should}", "lost")
            return
        self._tally.add("values", len(counted.view.features))
        for difference in differences(counted, events[:known], values, at):
            self._wrong(f"{key}: {difference}")

    def note_wrong(self, text: str) -> None:
        """Count something that is wrong, and is in no answer."""
        self._wrong(text)

    def _wrong(self, text: str, how: str = "wrong") -> None:
        self._tally.note(how, self._tally.wrong, text)


class Writer(threading.Thread):
    """Writes events at a rate, each until the store says that it has it.

    Args:
        truth: makes the events.
        connect: connects a writer.
        rate: events a second.
        stop: ends it.
        tally: where what goes wrong is counted.

    Attributes:
        pause: while it is set, nothing is written.
        paused: whether nothing is on its way.
    """

    def __init__(
        self,
        truth: Truth,
        connect: Callable[[], EventWriter],
        rate: float,
        stop: threading.Event,
        tally: Tally,
    ) -> None:
        super().__init__(daemon=True)
        self.pause, self.paused = threading.Event(), threading.Event()
        self._truth, self._connect, self._rate = truth, connect, rate
        self._ended, self._tally = stop, tally

    def run(self) -> None:
        """Write until it is ended."""
        with self._connect() as writer:
            while not self._ended.is_set():
                if self.pause.is_set():
                    self.paused.set()
                    time.sleep(PAUSE)
                    continue
                self.paused.clear()
                events = self._truth.more(EVENTS_AT_ONCE)
                self._write(writer, events)
                self._ended.wait(EVENTS_AT_ONCE / self._rate)
        self.paused.set()

    def _write(self, writer: EventWriter, events: list[Event]) -> None:
        # Not given up at the end: what was made is counted as written.
        while True:
            try:
                refused = writer.write(events).refused
            except StoreError:
                self._tally.add("write again")
                time.sleep(RETRY)
                continue
            except Exception as error:
                self._tally.note("exceptions", self._tally.raised, f"write: {error!r}")
            else:
                if refused:
                    self._tally.note("wrong", self._tally.wrong, f"refused: {refused[0].reason}")
            self._tally.add("events", len(events))
            return


class Asker(threading.Thread):
    """Asks for one feed after another.

    Args:
        client: who answers; shared with other askers.
        truth: what can be asked for.
        judge: who judges.
        rate: requests a second.
        seed: of what is asked.
        stop: ends it.
        tally: where it is counted.
    """

    def __init__(
        self,
        client: RemoteClient,
        truth: Truth,
        judge: Judge,
        rate: float,
        seed: int,
        stop: threading.Event,
        tally: Tally,
    ) -> None:
        super().__init__(daemon=True)
        self._client, self._truth, self._judge = client, truth, judge
        self._rate, self._ended, self._tally = rate, stop, tally
        self._random = np.random.default_rng(seed)

    def run(self) -> None:
        """Ask until it is ended; a request that takes long makes the next ones later."""
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                self.ask()
            except Exception as error:
                self._tally.note("exceptions", self._tally.raised, f"ask: {error!r}")
            self._ended.wait(max(1 / self._rate - (time.monotonic() - began), 0))

    def ask(self) -> None:
        """Ask once."""
        viewer = str(self._random.choice(self._truth.viewers))
        shows = self._random.choice(self._truth.shows, CANDIDATES, replace=False).tolist()
        self._tally.add("requests")
        began = time.perf_counter()
        answer = self._client.get(shop.feed_ranking.name, viewer_id=viewer, show_id=shows)
        answer.matrix()
        taken = time.perf_counter() - began
        self._tally.add("answered")
        self._tally.add("in deadline", taken <= TIMEOUT + SPARE)
        self._tally.add("whole", not answer.errors)
        self._tally.seconds.append(taken)
        rows = self._random.choice(CANDIDATES, JUDGED, replace=False).tolist()
        broken = self._judge.damaged | self._judge.streamed
        damaged = [row for row, show in enumerate(shows) if show in broken]
        self._judge.judge(answer, viewer, shows, [*rows, *damaged[:JUDGED]])
