"""Definitions as they are written: the Python of classes, services and candidate sets."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from slate.candidates import CandidateSet
from slate.deployment import Deployment
from slate.services import FeatureService


@dataclass(frozen=True)
class Code:
    """The Python of a definition.

    Attributes:
        text: the code.
        file: its file, below the deployment's folder; its name alone if it lies elsewhere.
        line: where it begins, from 1.
        name: what it is called in Python.
    """

    text: str
    file: str
    line: int
    name: str


class DefinitionCode:
    """The code of a deployment's definitions, as its modules hold it.

    Args:
        deployment: the deployment.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._root = deployment.root
        packages = {deployment.definitions.partition(".")[0]}
        registry = deployment.registry
        packages |= {
            one.__module__.partition(".")[0]
            for kind in (registry.entities, registry.sources, registry.views, registry.requests)
            for one in kind.values()
        }
        self._assigned = {
            id(value): code
            for name, module in sorted(sys.modules.items())
            if name.partition(".")[0] in packages
            for value, code in self._assignments(module)
        }

    def of(self, definition: object) -> Code | None:
        """The code of a definition; None if it is not at hand, as of one typed at a prompt."""
        if not isinstance(definition, type):
            return self._assigned.get(id(definition))
        try:
            lines, line = inspect.getsourcelines(definition)
            file = inspect.getsourcefile(definition)
        except (OSError, TypeError):
            return None
        text = textwrap.dedent("".join(lines)).rstrip()
        return Code(text, self._file(file), line, definition.__name__)

    def _assignments(self, module: ModuleType) -> Iterator[tuple[object, Code]]:
        """The services and candidate sets that a module assigns to a name, at its top."""
        wanted = {
            name
            for name, value in vars(module).items()
            if isinstance(value, FeatureService | CandidateSet)
        }
        if not wanted:
            return
        try:
            text = inspect.getsource(module)
            statements = ast.parse(text).body
        except (OSError, TypeError, SyntaxError):
            return
        for statement in statements:
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id in wanted:
                    code = ast.get_source_segment(text, statement) or ""
                    file = self._file(getattr(module, "__file__", None))
                    yield (
                        vars(module)[target.id],
                        Code(code, file, statement.lineno, target.id),
                    )

    def _file(self, file: str | None) -> str:
        if file is None:
            return ""
        path = Path(file)
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else path.name
