"""Where a served row's values come from: in answers, in their log, in metrics and over HTTP."""

from enum import IntEnum


class State(IntEnum):
    """Where a row's values come from.

    PRESENT: the key's own row, of a generation that was whole when it was read, and what a stream
    adds to it. DEFAULT: that generation has no row of the key, so its values are the declared
    defaults and those of empty windows. STALE: the row of an attribute view is older than the
    view's ttl, and counts as none. MISSING: the row cannot be known; its values are as of DEFAULT.

    A row is MISSING where no key leads to it: a show that is not known has a seller, but which one
    is not known either. So it is where its key comes from a row that cannot be known; where the
    view was never published as it is defined now, or the store lost it, also if a stream goes on,
    which cannot tell what was before; where no instant was asked about, and the clock of whoever
    answers lies before what is published; where the stream added events that arrived after the
    instant asked about, within its hour, and cannot be taken away again; and where the store did
    not answer. But for keys, an error of the answer says why.

    Its numbers are what rows and logs hold, its words what people, metrics and JSON are told.
    """

    PRESENT = 0
    DEFAULT = 1
    STALE = 2
    MISSING = 3

    @property
    def word(self) -> str:
        """Its name, as it is told."""
        return self.name.lower()

    def beside(self, value: str, of: str = "") -> str:
        """A value as people read it, with this word where the state is another than present.

        Args:
            value: the value.
            of: what comes before the word.
        """
        return value if self is State.PRESENT else f"{value} ({of}{self.word})"


WORDS = tuple(state.word for state in State)
"""The words of all states, in the order of their numbers."""

NUMBERED = ", ".join(f"{state.value} {state.word}" for state in State)
"""The numbers of all states with their words, as documents tell them."""
