"""The dbt models that a deployment writes itself: what is computed in SQL alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from slate.compile.model_graph import REFERENCE
from slate.compile.project import MACROS, MODELS

_MACRO = re.compile(r"\{%-?\s*macro\s+(?P<name>\w+)\s*\(.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)
# How a model is kept, which is not what it says.
_CONFIG = re.compile(r"\{\{-?\s*config\(.*?\)\s*-?\}\}", re.DOTALL)
# What a text of SQL is made of. Comments and spaces come first, as they are passed over.
_TOKEN = re.compile(
    r"""(?P<passed>--[^\n]*|/\*.*?\*/|\{\#.*?\#\}|\s+)|'(?:[^']|'')*'|"[^"]*"|(?P<word>\w+)|.""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Origins:
    """What a model is made of.

    Attributes:
        texts: the SQL of the deployment's own models and macros, by name.
        others: the names of other models, which are generated or come with a package.
    """

    texts: dict[str, str] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


class OwnModels:
    """A dbt project's models and macros that are not generated.

    Args:
        project: the project's folder.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        self._found: dict[str, Origins] = {}

    def origins(self, model: str) -> Origins:
        """What a model is made of, down to what the deployment does not write itself."""
        if model not in self._found:
            self._found[model] = Origins()
            self._collect(model, self._found[model])
        return self._found[model]

    def _collect(self, model: str, found: Origins) -> None:
        if model in found.texts or model in found.others:
            return
        if model not in self._models:
            found.others.add(model)
            return
        found.texts[model] = written(self._models[model])
        texts = [self._models[model], *self._called(self._models[model], found)]
        for name in (name for text in texts for name in REFERENCE.findall(text)):
            self._collect(name, found)

    def _called(self, text: str, found: Origins) -> Iterator[str]:
        """The macros that a text calls, and those that they call."""
        for name in sorted(set(re.findall(r"\w+", text)) & self._macros.keys()):
            key = f"macro {name}"
            if key not in found.texts:
                found.texts[key] = written(self._macros[name])
                yield self._macros[name]
                yield from self._called(self._macros[name], found)

    @cached_property
    def _models(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in self._files("models", MODELS)}

    @cached_property
    def _macros(self) -> dict[str, str]:
        return {
            found["name"]: found[0]
            for path in self._files("macros", MACROS)
            for found in _MACRO.finditer(path.read_text())
        }

    def _files(self, folder: str, generated: Path) -> list[Path]:
        return [
            path
            for path in sorted((self._project / folder).rglob("*.sql"))
            if not path.is_relative_to(self._project / generated)
        ]


def tokens(sql: str) -> list[str]:
    """What a text of SQL is made of, without comments, layout and the case of its words."""
    return [
        found[0].lower() if found["word"] else found[0]
        for found in _TOKEN.finditer(sql)
        if not found["passed"]
    ]


def written(sql: str) -> str:
    """A text of SQL as it is written, without comments, its `config(...)` and empty lines."""
    text = "".join(
        "" if found["passed"] and not found[0].isspace() else found[0]
        for found in _TOKEN.finditer(_CONFIG.sub("", sql))
    )
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
