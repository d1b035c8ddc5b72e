"""What a ranking is answered with: the best candidates of a request, as JSON."""

from typing import Any

import numpy as np

from slate.errors import RequestError
from slate.limits import MOST_RANKED_ROWS, RANKED_ROWS
from slate.online.serving.answer import Answer
from slate.online.serving.answer_stream import told
from slate.online.serving.messages import shown
from slate.rankings import Order


def limit(said: str | None) -> int:
    """How many of the best are to be told.

    Raises:
        RequestError: it is no number, or too many.
    """
    if said is None:
        return RANKED_ROWS
    if said.isascii() and said.isdecimal() and 1 <= int(said) <= MOST_RANKED_ROWS:
        return int(said)
    raise RequestError(
        f"limit is {shown(said)}, and has to be a whole number from 1 to {MOST_RANKED_ROWS:,}"
    )


def document(
    name: str, answer: Answer, order: Order, most: int, seconds: dict[str, float]
) -> dict[str, Any]:
    """The best candidates, with what an answer tells of where its values came from.

    Args:
        name: the ranking's.
        answer: the features that were ranked by.
        order: the order of its rows.
        most: how many are told.
        seconds: how long each stage took.
    """
    keys = answer.keys
    by_row = {key: values for key, values in keys.items() if len(values) == answer.rows}
    best = order.rows[:most].tolist()
    answered = told(answer)
    # JSON has no other numbers: they are null in it.
    if infinite := int(np.isinf(order.scores).sum()):
        answered["errors"] = [
            *answered["errors"],
            f"{name}: the scores of {infinite:,} of {answer.rows:,} candidates are infinite, which "
            f"is null here: have the model {order.model} score by finite numbers",
        ]
    if unscored := int(np.isnan(order.scores).sum()):
        answered["errors"] = [
            *answered["errors"],
            f"{name}: {unscored:,} of {answer.rows:,} candidates have no score, and stand where "
            f"they may: see what the model {order.model} makes of values that are missing",
        ]
    return {
        "ranking": name,
        "model": order.model,
        **answered,
        "candidates": answer.rows,
        # Those of a single candidate are said with it too.
        "keys": {key: values for key, values in keys.items() if len(values) == 1},
        "ranked": [
            {
                **{key: values[row] for key, values in by_row.items()},
                "score": float(order.scores[row]),
                "explored": row in order.explored,
            }
            for row in best
        ],
        "seconds": seconds,
    }
