"""A module of the services with their types: what can be asked, and what is answered.

For each service a class of its answers, and a method of ``Features``, which asks a client, and of
``AsyncFeatures``. The text depends on the definitions alone, and is laid out as ruff would.
"""

from collections.abc import Iterable, Iterator, Mapping
from keyword import iskeyword
from textwrap import wrap

from slate.features import Input
from slate.kinds import Kind
from slate.plans import Plan
from slate.registry import Registry
from slate.services import FeatureService

# The types that arrays of each kind have, and single values.
_ARRAYS = {
    Kind.INTEGER: "Integers",
    Kind.FLOAT: "Floats",
    Kind.BOOLEAN: "Booleans",
    Kind.TIME: "Times",
    Kind.STRING: "Texts",
}
_VALUES = {
    Kind.INTEGER: "int",
    Kind.FLOAT: "float",
    Kind.BOOLEAN: "bool",
    Kind.TIME: "datetime",
    Kind.STRING: "str",
}
_WIDTH = 100


def stubs(deployment: str, registry: Registry) -> str:
    """The module's text.

    Args:
        deployment: the deployment's name.
        registry: its definitions.
    """
    # A service that has several versions is called by name and version.
    plans = {registry.asked_as(plan.service): plan for plan in registry.plans.values()}
    plans = dict(sorted(plans.items()))
    classes = "\n\n\n".join("\n".join(_answer(*item)) for item in plans.items())
    asked = ["\n".join(_features(name, kind, plans)) for name, kind in _CLIENTS]
    return _HEAD.format(deployment=deployment) + classes + "\n\n\n" + "\n\n\n".join(asked) + "\n"


_CLIENTS = (("Features", "Client"), ("AsyncFeatures", "AsyncClient"))
_HEAD = '''"""The services of {deployment} with their types, for editors and type checkers.

Written by `slate stubs`; `slate stubs --check` tells whether the definitions have changed since.
"""

# ruff: noqa
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt

from slate.online.typed import (
    Answer,
    AsyncClient,
    Booleans,
    Client,
    Floats,
    Given,
    Integers,
    Moment,
    Texts,
    Times,
    told,
)


'''


def _class(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def _literal(name: str, texts: Iterable[str]) -> str:
    """A type that is one of some texts."""
    quoted = list(map(_quoted, texts))
    line = f"{name}: TypeAlias = Literal[{', '.join(quoted)}]"
    if len(line) <= _WIDTH:
        return line
    inside = "".join(f"    {one},\n" for one in quoted)
    return f"{name}: TypeAlias = Literal[\n{inside}]"


def _quoted(text: str) -> str:
    return '"' + repr(f"'{text}")[2:-1].replace('"', '\\"') + '"'


def _answer(asked_as: str, plan: Plan) -> Iterator[str]:
    """The names of a service's features by their type, and the class of its answers."""
    name, service = _class(asked_as), plan.service
    by_kind: dict[Kind, list[str]] = {}
    for feature in service.features:
        by_kind.setdefault(feature.value_type.kind, []).append(feature.name)
    numbers = [feature.name for feature in service.features if feature.value_type.is_number]
    for kind, names in by_kind.items():
        yield _literal(f"{name}{_ARRAYS[kind]}", names)
    if numbers:
        yield _literal(f"{name}Numbers", numbers)
    yield ""
    yield ""
    yield f"class {name}Answer(Answer):"
    yield f'    """The values of {service.full_name}."""'
    yield ""
    yield "    if TYPE_CHECKING:"
    yield ""
    # Where all are of one kind there is nothing to choose from.
    several = len(by_kind) > 1
    for place, kind in enumerate(by_kind):
        ignored = "" if place else "  # type: ignore[override]"
        if several:
            yield f"        @overload{ignored}"
            ignored = ""
        array = _ARRAYS[kind]
        yield f"        def __getitem__(self, name: {name}{array}) -> {array}: ...{ignored}"
    if several:
        yield "        def __getitem__(self, name: Any) -> Any: ..."
    if numbers:
        yield ""
        yield "        def matrix(  # type: ignore[override]"
        yield "            self,"
        yield "            dtype: npt.DTypeLike = np.float32,"
        yield "            *,"
        yield f"            names: Iterable[{name}Numbers] | None = None,"
        yield "        ) -> np.ndarray[Any, Any]: ..."


def _features(name: str, client: str, plans: Mapping[str, Plan]) -> Iterator[str]:
    """The class that asks a client for all services."""
    yield f"class {name}:"
    yield '    """The services, asked through a client."""'
    yield ""
    yield f"    def __init__(self, client: {client}) -> None:"
    yield "        self._client = client"
    for asked_as, plan in plans.items():
        yield from _asking(asked_as, plan, client.startswith("Async"))


def _asking(asked_as: str, plan: Plan, is_async: bool) -> Iterator[str]:
    service, answer = plan.service, f"{_class(asked_as)}Answer"
    method = f"{asked_as}_" if iskeyword(asked_as) else asked_as
    given = [*_keys(service), *_inputs(plan.inputs)]
    # What may be left out comes last.
    given.sort(key=lambda one: one[1].endswith("None"))
    yield ""
    yield f"    {'async ' * is_async}def {method}("
    yield "        self,"
    yield "        *,"
    for name, type_ in given:
        yield f"        {name}: {type_},"
    yield "        at: Moment | None = None,"
    yield f"    ) -> {answer}:"
    yield from _described(service)
    yield "        given = {"
    for name, _ in given:
        yield f'            "{name}": {name},'
    yield "        }"
    asked = f'self._client.get("{service.full_name}", at, **told(given))'
    yield f"        answer = {'await ' * is_async}{asked}"
    yield f'        return cast("{answer}", answer)'


def _described(service: FeatureService) -> Iterator[str]:
    text = (service.description or f"The features of {service.full_name}").replace("\\", "\\\\")
    lines = wrap(text.replace('"""', "'''"), _WIDTH - 16)
    if len(lines) == 1:
        yield f'        """{lines[0]}"""'
        return
    yield f'        """{lines[0]}'
    yield from (f"        {line}" for line in lines[1:])
    yield '        """'


def _keys(service: FeatureService) -> Iterator[tuple[str, str]]:
    for entity in service.keys:
        for name, kind in entity.keys.items():
            left_out = service.candidates is not None and name == service.candidates.key
            yield name, f"Given[{_VALUES[kind]}]" + " | None = None" * left_out


def _inputs(inputs: Iterable[Input]) -> Iterator[tuple[str, str]]:
    for feature in inputs:
        value = _VALUES[feature.kind]
        if feature.constraints.one_of is not None and feature.kind is Kind.STRING:
            value = f"Literal[{', '.join(map(_quoted, map(str, feature.constraints.one_of)))}]"
        yield feature.column, f"Given[{value}]" + " | None = None" * (not feature.required)
