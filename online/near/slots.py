"""The slots of a near view: a number for each key, from 1 on; 0 is of every key without one."""


class Slots(dict[str | int, int]):
    """The slot of each key; keys are only ever added."""

    __hash__ = None
