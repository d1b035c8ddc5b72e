"""Entities: the things that features are of."""

from collections.abc import Sequence
from typing import Any, ClassVar

from slate.base import Definition, members
from slate.errors import DefinitionError
from slate.fields import Field, field_of
from slate.identifiers import VIEW_COLUMNS, check_name, longer
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
        found = members(cls)
        super().__init_subclass__()
        cls.keys, cls.parts = {}, {}
        for name, annotation in found.items():
            where = f"{cls.__name__}.{name}"
            field = field_of(cls, name, annotation, "key_of")
            kind, nullable = kind_of(annotation, where)
            if kind not in (Kind.STRING, Kind.INTEGER) or nullable:
                raise DefinitionError(f"{where}: a key is a str or an int, and never null")
            check_name(where, name, cls.name)
            if name in VIEW_COLUMNS:
                raise DefinitionError(
                    f"{where}: every view has this column; rename it, as in "
                    f"{longer(cls.name, name)!r}"
                )
            cls.keys[name] = kind
            if field.entity is not None:
                cls.parts[name] = entity_of_key(where, kind, field.entity)
            setattr(cls, name, name)
        cls._names = {name: name for name in cls.keys}
        if not 1 <= len(cls.keys) <= 2:
            raise DefinitionError(
                f"{cls.__name__} has {len(cls.keys)} key columns: an entity has one, a pair two"
            )
        if len(cls.keys) == 2 and len(cls.parts) != 2:
            raise DefinitionError(
                f"{cls.__name__} is a pair: say what each key is a key of, as in "
                f"`{next(iter(cls.keys))}: ... = key_of(...)`"
            )


def entity_of_key(where: str, kind: Kind, entity: object) -> type[Entity]:
    """The entity that a key leads to, if it is of the type of the entity's own.

    Raises:
        DefinitionError: the types differ, or it is not an entity, or a pair.
    """
    if not (isinstance(entity, type) and issubclass(entity, Entity)):
        raise DefinitionError(f"{where}: key_of({entity!r}): give an entity's class")
    if len(entity.keys) != 1:
        raise DefinitionError(f"{where}: {entity.__name__} is a pair; a key leads to one entity")
    ((key, wanted),) = entity.keys.items()
    if kind is not wanted:
        raise DefinitionError(
            f"{where} is a {kind.value}, but {entity.__name__}.{key} is a {wanted.value}"
        )
    return entity


def key_of(entity: type[Entity], *, default: Any = None, tags: Sequence[str] = ()) -> Any:
    """A value that is the key of another entity, so that one leads to the other."""
    return Field("key_of", entity=entity, default=default, tags=tags)
