"""Entities and sources: the things that features are of, and the events they are made from."""

from typing import ClassVar

from slate.base import Definition, annotations, check_constraints
from slate.comments import comments
from slate.errors import DefinitionError
from slate.features import Column
from slate.fields import Field
from slate.kinds import Kind, kind_of


class Entity(Definition):
    """A thing with a key; with two, a pair of things.

    Attributes:
        keys: the kind of each key column.
        parts: for a pair, the entity that each of its key columns is a key of.
    """

    keys: ClassVar[dict[str, Kind]]
    parts: "ClassVar[dict[str, type[Entity]]]"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.keys, cls.parts = {}, {}
        for name, annotation in annotations(cls).items():
            where = f"{cls.__name__}.{name}"
            kind, nullable = kind_of(annotation, where)
            if kind not in (Kind.STRING, Kind.INTEGER) or nullable:
                raise DefinitionError(f"{where}: a key is a str or an int, and never null")
            cls.keys[name] = kind
            marker = vars(cls).get(name)
            if isinstance(marker, Field) and marker.entity is not None:
                check_key(where, kind, marker.entity)
                cls.parts[name] = marker.entity
            setattr(cls, name, name)
        cls._names = tuple(cls.keys)
        if not 1 <= len(cls.keys) <= 2:
            raise DefinitionError(
                f"{cls.__name__} has {len(cls.keys)} key columns: an entity has one, a pair two"
            )
        if len(cls.keys) == 2 and len(cls.parts) != 2:
            raise DefinitionError(
                f"{cls.__name__} is a pair: say what each key is a key of, as in "
                f"`{next(iter(cls.keys))}: ... = key_of(...)`"
            )


def check_key(where: str, kind: Kind, entity: type[Entity]) -> None:
    """Refuse a key of another type than the entity's own.

    Raises:
        DefinitionError: the types differ, or the entity is a pair.
    """
    if len(entity.keys) != 1:
        raise DefinitionError(f"{where}: {entity.__name__} is a pair; a key leads to one entity")
    ((key, wanted),) = entity.keys.items()
    if kind is not wanted:
        raise DefinitionError(
            f"{where} is a {kind.value}, but {entity.__name__}.{key} is a {wanted.value}"
        )


class Source(Definition):
    """A stream of immutable events, with its history in the warehouse.

    Attributes:
        model: the dbt model that holds its history.
        landing: the folder of landing files it is taken in from; empty if dbt finds it elsewhere.
        stream: the name of the stream that carries its present; empty for none.
        columns: its columns.
        unique_id, event_time, arrival_time: the names of the columns that play these parts.
        horizon: for how long a repeat of an id is recognised (microseconds).
    """

    model: ClassVar[str] = ""
    landing: ClassVar[str] = ""
    stream: ClassVar[str] = ""
    columns: ClassVar[dict[str, Column]]
    unique_id: ClassVar[str]
    event_time: ClassVar[str]
    arrival_time: ClassVar[str]
    horizon: ClassVar[int]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.columns = {}
        texts = comments(cls)
        roles: dict[str, str] = {}
        for name, annotation in annotations(cls).items():
            where = f"{cls.__name__}.{name}"
            kind, nullable = kind_of(annotation, where)
            marker = vars(cls).get(name, Field())
            if not isinstance(marker, Field):
                raise DefinitionError(
                    f"{where} = {marker!r}: a source's column is annotated only, or followed by "
                    "unique_id(), event_time(), arrival_time() or column(...)"
                )
            if marker.role in roles:
                raise DefinitionError(f"{where}: {roles[marker.role]} is its {marker.role} already")
            if marker.role != "value":
                roles[marker.role] = name
            if marker.role in ("event_time", "arrival_time") and kind is not Kind.TIME:
                raise DefinitionError(f"{where} is a time: annotate it datetime")
            if marker.role == "unique_id":
                cls.horizon = marker.horizon
            check_constraints(where, kind, marker.constraints)
            column = Column(cls, name, kind, nullable, marker.constraints, texts.get(name, ""))
            cls.columns[name] = column
            setattr(cls, name, column)
        cls._names = tuple(cls.columns)
        for role in ("unique_id", "event_time", "arrival_time"):
            if role not in roles:
                raise DefinitionError(f"{cls.__name__} lacks a column marked = {role}()")
            setattr(cls, role, roles[role])
        if not cls.model:
            raise DefinitionError(
                f"{cls.__name__}: say the dbt model of its history: model = '...'"
            )
