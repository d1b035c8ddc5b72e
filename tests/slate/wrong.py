"""Wrong definitions, collected: what each says when it is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from slate.errors import DefinitionError

Define = Callable[[], object]


class Wrong(list[Any]):
    """The wrong definitions of a module, as cases of a parametrized test.

    Each is a function that makes the definition, and what the message must say: where it is wrong,
    what is wrong, and what to do.
    """

    def __call__(self, *says: str) -> Callable[[Define], Define]:
        """Collect a function."""

        def register(define: Define) -> Define:
            self.append(pytest.param(define, says, id=define.__name__))
            return define

        return register


def check_refused(define: Define, says: tuple[str, ...]) -> None:
    """A definition is refused in these words."""
    with pytest.raises(DefinitionError) as raised:
        define()
    message = str(raised.value)
    assert [part for part in says if part not in message] == [], message
