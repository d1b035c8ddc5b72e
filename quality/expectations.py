"""Expectations: what must hold of a table, described without Great Expectations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["critical", "warning"]
Subject = Literal["shape", "rows", "profile"]


@dataclass(frozen=True)
class Expectation:
    """One thing that must hold of a table.

    Attributes:
        kind: Great Expectations' name of it ("ExpectColumnValuesToBeUnique").
        columns: the table's columns that it looks at; none if it is of the table as a whole.
        parameters: Great Expectations' arguments; times are aware, in UTC.
        why: what must hold, and where it comes from, as a sentence.
        subject: what it is run on: the table without its rows, the rows, or the table's profile.
        severity: a critical failure keeps the view from being published, a warning does not.
        compared: whether it is a comparison with the last good run.
        computed: columns that it needs besides the table's own: SQL, which is the name too.
    """

    kind: str
    columns: tuple[str, ...]
    parameters: Mapping[str, Any]
    why: str
    subject: Subject = "rows"
    severity: Severity = "critical"
    computed: tuple[str, ...] = ()
    compared: bool = False
