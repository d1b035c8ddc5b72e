"""What of a locked contract is no longer so, in words: the old definition against the new one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, ndiff

from slate.locks.contracts import Contract
from slate.locks.facts import Facts

# How many names are listed, and how long a change of a fact is that stands on one line.
LISTED = 6
LINE = 90


@dataclass(frozen=True)
class Change:
    """What of a locked contract is no longer so.

    Attributes:
        definitions: what changed in one way: features, "source ...", or a part of the whole.
        words: how, a line each.
        features: the features of the version that are something else by it.
    """

    definitions: tuple[str, ...]
    words: tuple[str, ...]
    features: tuple[str, ...] = ()


def changes(locked: Contract, now: Contract) -> list[Change]:
    """What of a contract that is locked the definitions say otherwise; nothing if it is kept.

    Args:
        locked: what is locked.
        now: what is defined.
    """
    found = [*_of_keys(locked, now), *_of_list(locked, now), *_of_order(locked, now)]
    other = changed_features(locked, now)
    touched = [name for name in locked.features if name in other and name in now.features]
    told: set[str] = set()
    alike: dict[tuple[str, ...], Change] = {}
    for section, name, words in _differences(locked, now):
        features = tuple(one for one in touched if (section, name) in now.uses[one])
        if features:
            told.update(features)
            what = name if section == "feature" else f"{section} {name}"
            # What changed in the same way is told once.
            before = alike.get(words, Change((), words))
            touched_too = tuple(dict.fromkeys((*before.features, *features)))
            alike[words] = Change((*before.definitions, what), words, touched_too)
    found += alike.values()
    if untold := tuple(name for name in touched if name not in told):
        words = ("made of something else than was locked, which its lock has no words for",)
        found.append(Change(untold, words, untold))
    return found


def changed_features(locked: Contract, now: Contract) -> set[str]:
    """The features that are there still, listed or behind others, and mean something else."""
    before, after = locked.all_features, now.all_features
    return {
        name
        for name in before.keys() & after.keys()
        if before[name].fingerprint != after[name].fingerprint
    }


def some(names: Sequence[str]) -> str:
    """A few of some names, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def fact_changes(before: Facts, after: Facts) -> tuple[str, ...]:
    """How facts of one definition differ, a line or two each."""
    lines: list[str] = []
    for fact in dict.fromkeys((*before, *after)):
        old, new = before.get(fact, "none"), after.get(fact, "none")
        if old != new:
            line = f"{fact}: {old} -> {new}"
            lines += [line] if len(line) <= LINE else [f"{fact}:", f"- {old}", f"+ {new}"]
    return tuple(lines)


def _of_keys(locked: Contract, now: Contract) -> Iterator[Change]:
    if words := fact_changes(locked.keys, now.keys):
        yield Change(("the keys of a request",), words)


def _of_list(locked: Contract, now: Contract) -> Iterator[Change]:
    """Features that are gone and new; beside one that is gone the new one that is most like it."""
    new = [name for name in now.features if name not in locked.features]
    gone = [name for name in locked.features if name not in now.features]
    for name in [*gone]:
        if (like := _alike(locked, now, name, new)) is not None:
            new.remove(like)
            gone.remove(name)
            differs = _feature_changes(locked, now, name, like)
            how = "the same but for" if differs else "with the same definition"
            yield Change((name,), (f"is gone; {like} is new, {how}", *differs))
    if gone:
        yield Change((*gone,), ("no longer in the service",))
    if new:
        yield Change((*new,), ("new in the service: leave it out of this version by `without`",))


def _alike(locked: Contract, now: Contract, name: str, new: Sequence[str]) -> str | None:
    """The new feature that one which is gone may have become.

    That is one of its view that differs in a single fact, or is another window of its aggregate.
    """

    def differing(one: str) -> int:
        before, after = locked.features[name].facts, now.features[one].facts
        return sum(before.get(f) != after.get(f) for f in before.keys() | after.keys())

    view = name.partition(".")[0]
    near = [
        one
        for one in new
        if one.partition(".")[0] == view
        and (differing(one) <= 1 or one.rpartition("_")[0] == name.rpartition("_")[0])
    ]
    return min(near, key=differing, default=None)


def _of_order(locked: Contract, now: Contract) -> Iterator[Change]:
    before = [name for name in locked.features if name in now.features]
    after = [name for name in now.features if name in locked.features]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    blocks = matcher.get_matching_blocks()
    kept = {name for block in blocks for name in before[block.a : block.a + block.size]}
    if moved := [name for name in before if name not in kept]:
        words = (
            f"{name} stood {_place(before, name)}, and stands {_place(after, name)}"
            for name in moved[:LISTED]
            # Of several that moved together, the first tells it.
            if _place(before, name) != _place(after, name)
        )
        yield Change(("the order of features",), tuple(words))


def _place(names: Sequence[str], name: str) -> str:
    place = names.index(name)
    return f"after {names[place - 1]}" if place else "first"


def _differences(locked: Contract, now: Contract) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The definitions that differ, as (section, name, how)."""
    before, after = locked.all_features, now.all_features
    for name in before:
        if name in after and (words := _feature_changes(locked, now, name, name)):
            yield "feature", name, words
    for section, old, new in (
        ("view", locked.views, now.views),
        ("source", locked.sources, now.sources),
    ):
        for name in old:
            if name in new and (words := fact_changes(old[name], new[name])):
                yield section, name, words
    for name, text in now.models.items():
        if words := _text_changes(locked.models.get(name, ""), text):
            yield "model", name, words


def _feature_changes(locked: Contract, now: Contract, old: str, new: str) -> tuple[str, ...]:
    """How a feature's own definition differs from one that is locked."""
    facts = fact_changes(locked.all_features[old].facts, now.all_features[new].facts)
    return facts + _text_changes(locked.code.get(old, ""), now.code.get(new, ""))


def _text_changes(before: str, after: str) -> tuple[str, ...]:
    """The lines that differ."""
    compared = ndiff(before.splitlines(), after.splitlines())
    return tuple(line for line in compared if line[:2] in ("- ", "+ "))
