"""Generated models as plain SQL, without dbt: the same templates, and the same macros."""

from collections.abc import Callable
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from slate.compile import project

if TYPE_CHECKING:
    from jinja2 import Environment, Template

# The macros that a warehouse has of its own are looked for first, as dbt does.
_DIALECTS = ("duckdb", "default")


def rendered(model: str, relation: Callable[[str], str]) -> str:
    """A generated model's SQL.

    Args:
        model: the text of the model, as `slate compile` writes it.
        relation: how the relation of a model's name is called in the warehouse.

    Raises:
        jinja2.TemplateError: the text uses what only dbt has.
    """
    return _template(model).render(ref=relation, config=lambda **_: "")


# As many as several services have. Parsing is about a sixth of what few rows cost.
@lru_cache(maxsize=128)
def _template(model: str) -> "Template":
    return _environment().from_string(model)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, extensions=["jinja2.ext.do"])
    macros: dict[str, Any] = {}

    def dispatch(name: str) -> Any:
        return next(m for d in _DIALECTS if (m := macros.get(f"{d}__{name}")) is not None)

    environment.globals |= {
        "adapter": SimpleNamespace(dispatch=dispatch),
        # What dbt's macros give back is their text.
        "return": lambda text: text,
        # No hours are built: all rows count.
        "invocation_args_dict": {},
    }
    module = environment.from_string("\n".join(project.macros().values())).module
    macros |= {name: value for name, value in vars(module).items() if not name.startswith("_")}
    environment.globals |= macros
    return environment
