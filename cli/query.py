"""`slate query`: what a model would be given for a request, with where it comes from."""

import json
import logging
import math
import sys
from argparse import Namespace
from datetime import datetime
from typing import Any

from slate.cli.text import shown_instant, shown_value, table
from slate.deployment import load
from slate.errors import RequestError, StoreError
from slate.features import Aggregated, Attribute
from slate.kinds import Kind
from slate.online import Answer, FeatureClient, State
from slate.online.rows.answer_errors import gathered
from slate.plans import Plan
from slate.privacy import hidden, personal
from slate.services import made_of
from slate.time_words import age

ACROSS = 4
# The seconds that the store may take: nobody's feed waits for this answer.
PATIENT = 5.0
# The seconds that near views may take to be loaded.
LOADING = 30.0
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def run(options: Namespace) -> int:
    """Ask, and print the answer as a table, or with ``--json`` a line for each row."""
    deployment = load()
    registry = deployment.registry
    plan = registry.plan(options.service)
    given = _given(plan, options.given)
    # The answer tells it too.
    logging.getLogger("slate.online").addHandler(logging.NullHandler())
    candidates = plan.service.candidates
    choose = candidates is not None and candidates.key not in given
    # To load near views for one request takes longer than to ask the store.
    with FeatureClient.connect(deployment, near=choose, timeout=PATIENT) as client:
        if choose:
            client.wait_until_near(LOADING)
        answer = client.get(options.service, at=options.at, **given)
    asked = answer.keys | {name: _listed(value) for name, value in given.items()}
    keys = [
        {name: values[row] if len(values) > 1 else values[0] for name, values in asked.items()}
        for row in range(answer.rows)
    ]
    names = () if options.pii else personal(plan.service.features)
    rows = [hidden(row, names) for row in answer.to_dicts()]
    states = _states(plan, answer)
    if options.json:
        for line in _lines(answer, keys, rows, states):
            print(json.dumps(line))
    else:
        computed = {feature.name for feature in plan.computed}
        print(_tables(answer, keys, _marked(rows, states, computed)))
    for error in gathered(error for error in answer.errors if error.views):
        print(f"slate: {error}; its values are the declared defaults", file=sys.stderr)
    for error in answer.errors:
        if error.features:
            print(f"slate: {error}", file=sys.stderr)
    if others := [error for error in answer.errors if not (error.views or error.features)]:
        raise StoreError(f"{'; '.join(others)}: what was not read is the declared default")
    return 0


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _given(plan: Plan, pairs: list[tuple[str, list[str]]]) -> dict[str, Any]:
    """The keys and inputs, each of its kind; a list where several values were given."""
    kinds = {key: kind for entity in plan.service.keys for key, kind in entity.keys.items()}
    kinds |= {feature.column: feature.kind for feature in plan.inputs}
    texts: dict[str, list[str]] = {}
    for name, more in pairs:
        texts.setdefault(name, []).extend(more)
    values: dict[str, Any] = {}
    for name, found in texts.items():
        # What the service does not know is refused by the client, with the nearest right name.
        kind = kinds.get(name, Kind.STRING)
        column = [_value(f"{plan.service.name}: {name}", kind, text) for text in found]
        values[name] = column[0] if len(column) == 1 else column
    return values


def _value(where: str, kind: Kind, text: str) -> Any:
    try:
        match kind:
            case Kind.INTEGER:
                return int(text)
            case Kind.FLOAT:
                return float(text)
            case Kind.BOOLEAN:
                return _TRUTHS[text.lower()]
            case Kind.TIME:
                return datetime.fromisoformat(text)
            case _:
                return text
    except (ValueError, KeyError):
        example = " as 2026-05-01T12:00:00" if kind is Kind.TIME else ""
        raise RequestError(f"{where}: {text!r} is not {kind.words}{example}") from None


def _states(plan: Plan, answer: Answer) -> list[dict[str, State]]:
    """By row, the state of the row of which each feature's value is.

    That of a request feature is the worst of those that it reads; present, where it reads none.
    """
    of_views = {name: view.state.tolist() for name, view in answer.states.items()}
    reads = {
        feature.name: {
            one.view.name for one in made_of([feature]) if isinstance(one, Attribute | Aggregated)
        }
        for feature in plan.service.features
    }
    return [
        {
            name: State(max((of_views[view][row] for view in views), default=State.PRESENT))
            for name, views in reads.items()
        }
        for row in range(answer.rows)
    ]


def _lines(
    answer: Answer,
    keys: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    states: list[dict[str, State]],
) -> list[dict[str, Any]]:
    of_views = {
        name: (view, [State(s).word for s in view.state], view.age.tolist())
        for name, view in answer.states.items()
    }
    return [
        {
            "service": answer.service,
            "at": answer.at.isoformat(),
            "request": {name: _json_value(value) for name, value in keys[row].items()},
            "features": {name: _json_value(value) for name, value in features.items()},
            "states": {name: state.word for name, state in states[row].items()},
            "views": {
                name: {
                    "state": state[row],
                    "age_seconds": _json_value(ages[row]),
                    "as_of": view.as_of and view.as_of.isoformat(),
                    "lag_seconds": view.lag,
                }
                for name, (view, state, ages) in of_views.items()
            },
            "errors": list(answer.errors),
        }
        for row, features in enumerate(rows)
    ]


def _json_value(value: Any) -> Any:
    """A value as JSON has it: which knows no times, and no numbers that are not finite."""
    if isinstance(value, list):
        return [_json_value(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _marked(
    rows: list[dict[str, Any]], states: list[dict[str, State]], computed: set[str]
) -> list[dict[str, str]]:
    """Values as people read them, each with what its row is where it is not present."""
    return [
        {
            name: of_row[name].beside(shown_value(value), "of " if name in computed else "")
            for name, value in row.items()
        }
        for row, of_row in zip(rows, states, strict=True)
    ]


def _tables(answer: Answer, keys: list[dict[str, Any]], rows: list[dict[str, str]]) -> str:
    """Features down, rows across; a table for every few rows."""
    tables = [f"{answer.service} at {shown_instant(answer.at)}"]
    for start in range(0, answer.rows, ACROSS):
        few = slice(start, start + ACROSS)
        values = [
            *((name, *(shown_value(row[name]) for row in keys[few])) for name in keys[0]),
            *((name, *(row[name] for row in rows[few])) for name in answer.names),
        ]
        views = [
            (
                name,
                shown_instant(view.as_of) if view.as_of else "",
                "" if view.lag is None else age(view.lag),
                *map(_state, view.state[few], view.age[few]),
            )
            for name, view in answer.states.items()
        ]
        head = ("view", "as of", "behind", *("row" for _ in keys[few]))
        tables += [table(values, right=True), table(views, head=head)]
    return "\n\n".join(tables)


def _state(state: int, seconds: float) -> str:
    name = State(state).word
    return name if math.isnan(seconds) else f"{name}, {age(seconds)} old"
