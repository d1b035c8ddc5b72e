"""Sources: the events that features are made from."""

import re
from typing import ClassVar

from slate.base import members
from slate.comments import comments
from slate.derived import Derived
from slate.errors import DefinitionError
from slate.expressions import Call, Expr, Reference, bound
from slate.fields import Field, field_of
from slate.identifiers import RAW_TABLES, check_name, longer
from slate.kinds import Kind, kind_of
from slate.source_columns import Column, EventTable
from slate.thresholds import age_limit, share_limit
from slate.windows import duration

_ROLES = ("unique_id", "event_time", "arrival_time")
# A table, and the schema that it is in.
_TABLE = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", re.ASCII)


def _check_role(where: str, role: str, kind: Kind, nullable: bool) -> None:
    if role != "unique_id" and kind is not Kind.TIME:
        raise DefinitionError(f"{where} is a time: annotate it datetime")
    if role == "unique_id" and kind not in (Kind.STRING, Kind.INTEGER):
        raise DefinitionError(f"{where} is an id: annotate it str or int")
    if nullable:
        raise DefinitionError(
            f"{where} is its source's {role}, without which a row is not an event: "
            "take `| None` away"
        )


class Source(EventTable):
    """A stream of immutable events, with its history in the warehouse.

    Attributes:
        model: the dbt model that holds its history.
        landing: the folder of landing files it is taken in from; empty if dbt finds it elsewhere.
        table: the table of the warehouse that others fill with it, as "shop.orders"; empty if it
            lands, or the model is one of your own.
        stream: the name of the stream that carries its present; empty for none.
        max_lag: an alert is raised when an event waits longer than this for being applied.
        max_dead_letters: an alert is raised when there are more dead letters than this.
        fresh_within: an alert is raised when its newest row arrived longer ago than this, by the
            platform's clock; empty where rows may be of any age, as in history that has ended.
        max_refused: what is made of it is held back when a greater share of the rows that landed
            since its last good run was refused, from 0 to 1.
        horizon: for how long a repeat of an id is recognised (microseconds).
        max_lag_us: ``max_lag`` in microseconds.
        fresh_within_us: ``fresh_within`` in microseconds, None without it.
    """

    model: ClassVar[str] = ""
    landing: ClassVar[str] = ""
    table: ClassVar[str] = ""
    stream: ClassVar[str] = ""
    max_lag: ClassVar[str] = "1m"
    max_dead_letters: ClassVar[int] = 0
    fresh_within: ClassVar[str] = ""
    max_refused: ClassVar[float] = 0.5
    horizon: ClassVar[int]
    max_lag_us: ClassVar[int]
    fresh_within_us: ClassVar[int | None]

    _settings = EventTable._settings | {
        "model": str,
        "landing": str,
        "table": str,
        "stream": str,
        "max_lag": str,
        "max_dead_letters": int,
        "fresh_within": str,
        "max_refused": object,
    }
    _computes = True

    def __init_subclass__(cls) -> None:
        found = members(cls)
        super().__init_subclass__()
        cls.columns, cls.derived = {}, {}
        texts = comments(cls)
        roles: dict[str, str] = {}
        computed = {name: value for name in found if isinstance(value := vars(cls).get(name), Call)}
        fields = {id(value): name for name, value in vars(cls).items() if isinstance(value, Field)}
        for name, annotation in found.items():
            where = f"{cls.__name__}.{name}"
            check_name(where, name, cls.name)
            if name in computed:
                continue
            field = field_of(cls, name, annotation, *_ROLES, "column")
            kind, nullable = kind_of(annotation, where)
            if field.role in _ROLES:
                if field.role in roles:
                    raise DefinitionError(
                        f"{where}: {roles[field.role]} is its {field.role} already"
                    )
                roles[field.role] = name
                _check_role(where, field.role, kind, nullable)
            if field.role == "unique_id":
                cls.horizon = field.horizon
            text = texts.get(name, "")
            column = Column(cls, name, kind, nullable, field.constraints, text, field.tags)
            cls.columns[name] = column
            setattr(cls, name, column)
        for name, expression in computed.items():
            where, promised = f"{cls.__name__}.{name}", None
            if found[name] is not None:
                promised, _ = kind_of(found[name], where)
            whole = _bound(cls, expression, fields)
            cls.derived[name] = Derived(cls, name, promised, whole, texts.get(name, ""))
            setattr(cls, name, cls.derived[name])
        cls._names = {name: name for name in (*cls.columns, *cls.derived)}
        for role in _ROLES:
            if role not in roles:
                raise DefinitionError(f"{cls.__name__} lacks a column marked = {role}()")
            setattr(cls, role, roles[role])
        if not cls.model:
            raise DefinitionError(
                f"{cls.__name__}: say the dbt model of its history: model = '...'"
            )
        for setting in ("model", "landing", "stream"):
            if named := getattr(cls, setting):
                check_name(f"{cls.__name__}.{setting}", named, cls.name)
        if cls.landing in RAW_TABLES:
            raise DefinitionError(
                f"{cls.__name__}.landing: Slate has a table {cls.landing!r} of its own: rename it, "
                f"as in {longer(cls.name, cls.landing)!r}"
            )
        _check_table(cls)
        _check_limits(cls)
        cls.max_lag_us = duration(cls.max_lag, f"{cls.__name__}.max_lag")
        cls.fresh_within_us = age_limit(cls.fresh_within, f"{cls.__name__}.fresh_within")
        cls.max_refused = share_limit(cls.max_refused, f"{cls.__name__}.max_refused")


def column_of(source: type[Source], name: str) -> Column:
    """A source's column, its own or one that is computed."""
    return source.columns[name] if name in source.columns else source.derived[name]


def _bound(source: type[Source], expression: Call, fields: dict[int, str]) -> Call:
    """An expression of a class body, of the source's columns."""

    def column(reference: Expr) -> Expr:
        name = reference.name if isinstance(reference, Reference) else fields.get(id(reference))
        return reference if name is None else source.columns[name]

    made: Call = bound(expression, column)
    return made


def _check_table(source: type[Source]) -> None:
    where = f"{source.__name__}.table = {source.table!r}"
    if source.table and not _TABLE.fullmatch(source.table):
        raise DefinitionError(
            f"{where}: name a table of the warehouse with its schema, of letters, digits and "
            "underscores, as in 'shop.orders'"
        )
    if source.table and source.landing:
        raise DefinitionError(
            f"{where}, and landing = {source.landing!r}: its history comes from one of them; take "
            "the other away"
        )
    if source.table and source.stream:
        raise DefinitionError(
            f"{where}, and stream = {source.stream!r}: a table does not tell which of the stream's "
            "events it holds: give it landing = '...', where the stream's archive writes, in the "
            "table's place"
        )


def _check_limits(source: type[Source]) -> None:
    most = source.max_dead_letters
    if isinstance(most, bool) or most < 0:
        raise DefinitionError(
            f"{source.__name__}.max_dead_letters = {most!r}: say how many do not alert yet, 0 or "
            "more"
        )
    limits = [name for name in ("max_lag", "max_dead_letters") if name in vars(source)]
    if limits and not source.stream:
        raise DefinitionError(
            f"{source.__name__}.{limits[0]} is a limit of a stream, and it has none: give it "
            f"stream = '...', or take {limits[0]} away"
        )
    if "max_refused" in vars(source) and not source.landing:
        raise DefinitionError(
            f"{source.__name__}.max_refused is a limit of what lands, and nothing of it does: give "
            "it landing = '...', or take max_refused away"
        )
