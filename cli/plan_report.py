"""What a plan says, for a terminal and for a comment in review."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slate.assets.impact.changes import Changes, StreamChange, ViewChange
from slate.assets.impact.samples import Comparison, Sample
from slate.assets.impact.warehouse_state import Amount
from slate.cli.text import heading, shown_value, table
from slate.locks.comparison import some

_SIGNS = {"new": "+", "changed": "~", "gone": "-"}
LACKS = "lacks what streams added to it, and is MISSING in answers: run `slate apply` again"
# Of more features than this, those that are new are told by view.
LISTED = 30


@dataclass(frozen=True)
class Section:
    """A part of a report: a table, or lines.

    Attributes:
        title: what it is about.
        head: the names of its columns; empty of lines.
        rows: its cells.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def text(changes: Changes, samples: Sequence[Sample], unfinished: Sequence[str] = ()) -> str:
    """The report for a terminal.

    Args:
        changes: what a run would do.
        samples: old and new values of what changes.
        unfinished: the views that lack what streams added, as an apply was not finished.
    """
    parts = [_summary(changes, unfinished)]
    for section in _sections(changes, samples, unfinished):
        lines = "\n".join(row[0] for row in section.rows)
        body = table(section.rows, head=section.head) if section.head else lines
        parts.append(f"{heading(section.title)}\n{body}")
    return "\n\n".join(parts)


def markdown(changes: Changes, samples: Sequence[Sample], unfinished: Sequence[str] = ()) -> str:
    """The report for a comment in review; see ``text``."""
    parts = [f"### `slate plan` of {changes.deployment}", _summary(changes, unfinished)]
    for section in _sections(changes, samples, unfinished):
        if section.head:
            rows = [section.head, ["---"] * len(section.head), *section.rows]
            lines = [f"| {' | '.join(map(_escaped, row))} |" for row in rows]
        else:
            texts = (row[0] for row in section.rows)
            lines = [f"```\n{text}\n```" if "\n" in text else f"- {text}" for text in texts]
        parts.append(f"**{section.title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")


def _summary(changes: Changes, unfinished: Sequence[str]) -> str:
    """The whole in a line."""
    if unfinished and changes.nothing:
        return "nothing new to do, but an apply is not finished"
    begin = sum(one.how != "ends" for one in changes.streams)
    if changes.nothing:
        told = "nothing to do" + (", as far as could be looked at" if changes.unseen else "")
        streams = "1 stream begins" if begin == 1 else f"{begin} streams begin"
        return f"{told}; {streams} once `slate stream` runs" if begin else told
    new = sum(one.how == "new" for one in changes.services)
    counts = [
        (len(changes.broken), "locked version broken", "locked versions broken"),
        (new, "new version of a service", "new versions of services"),
        (len(changes.features), "feature new, changed or gone", "features new, changed or gone"),
        (len(changes.views), "view built or published again", "views built or published again"),
        (begin, "stream begins", "streams begin"),
        (len(changes.streams) - begin, "stream ends", "streams end"),
        (len(changes.rules), "source judged again", "sources judged again"),
        (len(changes.training), "training set written", "training sets written"),
        (len(changes.models), "dbt model built for all hours", "dbt models built for all hours"),
    ]
    return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n)


def _sections(
    changes: Changes, samples: Sequence[Sample], unfinished: Sequence[str]
) -> Iterator[Section]:
    """The parts of the report that have anything to say."""
    views = [[v.name, v.how, _amount(v.read), _live(v), _room(v)] for v in changes.views]
    training = [[one.name, one.how, _amount(one.amount)] for one in changes.training]
    rules = [[one.source, f"{one.files:,}", f"{one.refused:,}"] for one in changes.rules]
    models = [[f"{len(changes.models)}: {some(changes.models)}"]] if changes.models else []
    assets = [[", ".join(changes.readers)]] if changes.readers else []
    unseen = [[f"{one.service}: {why}"] for one in samples for why in one.unseen]
    found = [
        Section("a run refuses this", [], [[line] for line in changes.broken]),
        Section("not finished", [], [[f"{view} {LACKS}"] for view in unfinished]),
        _services(changes),
        _features(changes),
        Section("views", ["view", "", "reads again", "live now", "room (estimate)"], views),
        Section(
            "streams", ["source", "stream", "", "what it means"], [*map(_stream, changes.streams)]
        ),
        Section("rows judged again, as what is refused changed", _RULES, rules),
        Section("training sets", ["version", "writes", "rows"], training),
        Section("dbt builds for all hours", [], models),
        Section("Dagster assets and dbt exposures made again", [], assets),
        Section("to be known", [], [[note] for note in changes.notes]),
        *map(_values, samples),
        Section("values that cannot be compared", [], unseen),
        Section("not looked at", [], [[line] for line in changes.unseen]),
    ]
    yield from (section for section in found if section.rows)


_RULES = ["source", "landing files", "rows refused until now"]


def _stream(one: StreamChange) -> Sequence[str]:
    """What it means for answers that a stream begins, ends, or takes another's place."""
    views = ", ".join(one.views)
    meant = {
        "begins": f"{views}: as of their publish, until `slate stream` runs and something is "
        "written; then what happened is in answers within a second",
        "replaces another": f"{views}: as of their publish, until `slate stream` runs and "
        "something is written; what the former stream brought and has not landed is in no answer: "
        "let its workers archive it first",
        "ends": f"{views}: as of their publish from the next run on; what was streamed since comes "
        "with the runs that take in its hours. End `slate stream` when it has archived all",
    }
    return one.source, one.stream or "none", one.how, meant[one.how]


_LOCKS = {
    "kept": "locked, kept",
    "changed": "locked, CHANGED",
    "gone": "locked, GONE",
    "new": "new, not locked",
}


def _services(changes: Changes) -> Section:
    rows = [[s.name, _LOCKS.get(s.how, s.how), str(s.features)] for s in changes.services]
    return Section("services", ["version", "lock", "features"], rows)


def _features(changes: Changes) -> Section:
    """Features in groups: of what changed in one way for the same versions, or is new of a view."""
    many = sum(one.how == "new" for one in changes.features) > LISTED
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in changes.features:
        words = "; ".join(" ".join(line.split()) for line in one.words)
        if one.how == "new" and many:
            words = one.name.partition(".")[0]
        groups.setdefault((one.how, words, ", ".join(one.services)), []).append(one.name)
    rows = [
        [_SIGNS[how], some(names), words, services]
        for (how, words, services), names in groups.items()
    ]
    return Section("features", ["", "feature", "definition", "in"], rows)


def _amount(amount: Amount | None) -> str:
    return "" if amount is None else f"{amount.rows:,} rows of {amount.days} days"


def _live(view: ViewChange) -> str:
    live = view.live
    if live is None:
        return ""
    each = f", {live.size / live.rows:,.0f} bytes a row" if live.rows else ""
    return f"{live.rows:,} rows, {live.size / 1e6:,.1f} MB{each}"


def _room(view: ViewChange) -> str:
    """What a new generation takes beside the live one, if its rows are as many and as large."""
    if view.how == "removed":
        return "deleted"
    return "" if view.live is None else f"{view.live.size / 1e6:,.1f} MB"


def _values(found: Sample) -> Section:
    rows = [
        [
            one.feature,
            "new" if one.differing is None else f"{one.differing} of {one.rows}",
            _number(one.old_mean),
            _number(one.new_mean),
            _examples(one),
        ]
        for one in found.comparisons
        if one.differing != 0
    ]
    if same := [one.feature for one in found.comparisons if one.differing == 0]:
        rows.append([f"{len(same)} others", "none", "", "", some(same)])
    head = ["feature", "differ", "mean before", "mean now", "examples"]
    return Section(f"values of {found.service}, before: {found.old}", head, rows)


def _number(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.6g}"


def _examples(one: Comparison) -> str:
    def shown(keys: dict[str, Any], old: Any, new: Any) -> str:
        change = (
            shown_value(new)
            if one.differing is None
            else f"{shown_value(old)} -> {shown_value(new)}"
        )
        return f"{' '.join(map(str, keys.values()))}: {change}"

    return "; ".join(shown(e.keys, e.old, e.new) for e in one.examples)
