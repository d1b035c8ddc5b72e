"""The text of generated models: what several of them say in the same words."""

from collections.abc import Iterable

from slate.compile.model_names import AS_OF
from slate.windows import SECOND


def as_of(model: str) -> str:
    """The instant up to which what a model is made of is known, as a table of one row."""
    return f"(select as_of from {{{{ ref('{AS_OF}') }}}} where model = '{model}')"


def seconds(microseconds: int) -> int:
    """Microseconds as whole seconds, as hops are counted in the warehouse."""
    return microseconds // SECOND


def listed(items: Iterable[str], indent: int) -> str:
    """Items of a select list, one a line."""
    return (",\n" + " " * indent).join(items)


def header(what: str, definitions: str) -> str:
    """The header of a generated model.

    Args:
        what: what a row of it is.
        definitions: what it is written from.
    """
    return (
        f"-- {what}\n"
        f"-- Written by `slate compile` from {definitions}: change the definition, not this.\n"
    )
