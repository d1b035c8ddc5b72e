"""What comes of reading the rows of a view."""

from dataclasses import dataclass

from slate.encoded import Encoded, Operand
from slate.expressions import Array, Expr
from slate.online.rows.answer_errors import AnswerError
from slate.online.rows.keys import Keys, KeySource
from slate.online.rows.row_format import Words


@dataclass(frozen=True)
class Decoded:
    """The decoded rows of one view.

    Attributes:
        values: an array for each feature; of lists a masked one of shape (N, length).
        keys: the features that lead to other entities, as keys.
        event_ts: the event time of each row in microseconds; the least int64 without a row.
        stale: which rows are older than the view's ttl; None without a ttl.
        damaged: the rows that are not known, as something that is stored of them cannot be read,
            or not as of the instant asked about; None if there are none.
        errors: what is wrong with these, and what to do.
        later: where rows are not known as they hold events that arrived at the instant asked about
            or after, the instant up to which they do, in microseconds; 0 if there are none.
    """

    values: dict[Expr, Operand]
    keys: dict[KeySource, Keys]
    event_ts: Words
    stale: Array | None = None
    damaged: Array | None = None
    errors: tuple[AnswerError, ...] = ()
    later: int = 0

    def spread(self, index: Words) -> "Decoded":
        """These rows as others, each as often as it is asked for.

        Args:
            index: for each of the others its place among these.
        """
        return Decoded(
            {feature: _spread(values, index) for feature, values in self.values.items()},
            {
                source: Keys(keys.values, keys.index.take(index))
                for source, keys in self.keys.items()
            },
            self.event_ts.take(index),
            None if self.stale is None else self.stale.take(index),
            None if self.damaged is None else self.damaged.take(index),
            self.errors,
            self.later,
        )


def _spread(values: Operand, index: Words) -> Operand:
    """Values as others, each as often as it is asked for.

    Texts and lists stay as few as they are: to copy one for each row costs a hundred times what a
    number does, and most that ask want neither.
    """
    if isinstance(values, Encoded):
        return values.take(index)
    if len(index) > len(values) and (values.ndim > 1 or values.dtype.kind == "T"):
        return Encoded(values, index)
    return values.take(index, axis=0)
