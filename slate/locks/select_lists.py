"""Which part of a model's SQL some of its columns come of, so that a new column touches no other.

Of a model that ends in a plain list of columns, ``select a, b + c as d from ...``, also in a last
CTE that is selected whole, each column is an item of that list. Where that cannot be told, a column
is made of the whole text.
"""

from collections.abc import Collection, Sequence

# With these, what stands in a list of columns says which rows there are.
_OF_ROWS = {"distinct", "union", "intersect", "except", "group", "qualify", "order", "limit"}
_OPENING, _CLOSING = {"(", "[", "{"}, {")", "]", "}"}


def of_columns(tokens: Sequence[str], columns: Collection[str]) -> Sequence[str]:
    """The part of a model that some columns come of.

    Args:
        tokens: the model's SQL, word by word and sign by sign.
        columns: their names.
    """
    found = _select_list(tokens)
    if found is None:
        return tokens
    start, end = found
    items = {_name(item): item for item in _split(tokens[start:end])}
    frame = [*tokens[:start], *tokens[end:]]
    needed: dict[str, Sequence[str]] = {}
    # An item may read another one by its name, and so may what stands after the list.
    waiting = [*columns, *(name for name in items if name in frame)]
    while waiting:
        name = waiting.pop()
        if name in items and name not in needed:
            needed[name] = items[name]
            waiting += [other for other in items if other in items[name]]
    listed = [token for name in sorted(needed) for token in (*needed[name], ",")]
    return [*tokens[:start], *listed, *tokens[end:]]


def _select_list(tokens: Sequence[str]) -> tuple[int, int] | None:
    """Where the list of a model's columns begins and ends; None if that cannot be told."""
    begin, end = 0, len(tokens)
    while True:
        depths = _depths(tokens[begin:end])
        top = [begin + place for place, depth in enumerate(depths) if depth == 0]
        selects = [place for place in top if tokens[place] == "select"]
        if len(selects) != 1:
            return None
        start = selects[0] + 1
        stop = next((place for place in top if place > start and tokens[place] == "from"), None)
        if stop is None:
            return None
        if list(tokens[start:stop]) == ["*"] and end - stop == 2:
            whole = _cte(tokens[:start], tokens[stop + 1])
            if whole is None:
                return None
            begin, end = whole
            continue
        if _OF_ROWS.intersection(tokens[place] for place in top if place >= start):
            return None
        return None if any(map(_is_all, _split(tokens[start:stop]))) else (start, stop)


def _cte(tokens: Sequence[str], name: str) -> tuple[int, int] | None:
    """Where the text of a CTE begins and ends."""
    for place in range(len(tokens) - 2):
        if list(tokens[place : place + 3]) == [name, "as", "("]:
            start = place + 3
            depths = _depths(tokens[start:])
            return start, start + depths.index(-1)
    return None


def _depths(tokens: Sequence[str]) -> list[int]:
    """In how many brackets each token stands; a closing one is outside of what it closes."""
    depths, depth = [], 0
    for token in tokens:
        depth -= token in _CLOSING
        depths.append(depth)
        depth += token in _OPENING
    return depths


def _split(tokens: Sequence[str]) -> list[Sequence[str]]:
    """The items of a list."""
    items: list[list[str]] = [[]]
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        if token == "," and depth == 0:
            items.append([])
        else:
            items[-1].append(token)
    return [item for item in items if item]


def _is_all(item: Sequence[str]) -> bool:
    """Whether an item stands for columns without their names: ``*``, ``t.*``, ``* exclude (a)``."""
    return item[0] == "*" or list(item[1:3]) == [".", "*"]


def _name(item: Sequence[str]) -> str:
    """What a column is called: its last word, with or without `as`."""
    return item[-1]
