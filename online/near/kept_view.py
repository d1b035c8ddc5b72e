"""One near view that is kept in this process: its rows are changed as the store's are."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TypeAlias

from slate.online.near.decoded_columns import AttributeColumns, WindowColumns
from slate.online.near.held_rows import HeldRows
from slate.online.near.memory import Memory
from slate.online.near.near_view import Held, NearView
from slate.views import FeatureView

_Columns: TypeAlias = WindowColumns | AttributeColumns
Kept: TypeAlias = Held[HeldRows, _Columns]


class KeptView(NearView[HeldRows, _Columns]):
    """One near view of this process."""

    def change(self, keys: Sequence[str], values: Sequence[bytes | None]) -> None:
        """Take in what a stream adds to some keys by now, and have it seen.

        Args:
            keys: the keys as texts, each once.
            values: the value of each, None where there is none.
        """
        held = self.held
        assert held is not None
        if not keys:
            return
        assert isinstance(held.columns, WindowColumns)
        # Where requests decode rows for themselves, they wait until all columns have them too.
        with held.rows.lock if held.columns.bounded else nullcontext():
            self._change(held, held.columns, keys, values)

    def _change(
        self,
        held: Kept,
        old: WindowColumns,
        keys: Sequence[str],
        values: Sequence[bytes | None],
    ) -> None:
        slots = held.rows.stream(keys, values)
        if held.rows.capacity > held.capacity:
            # All anew, with room for more keys.
            columns = old.anew()
            self.held = Held(held.rows, columns, held.rows.capacity)
            return
        changes = old.decode_again(slots)
        with held.rows.lock:
            changes.apply()

    def prepare(self, now: int) -> None:
        """Have the columns of the present, and those of a hop that is about to begin.

        Args:
            now: the instant that it is, in microseconds.
        """
        if self.held is not None and isinstance(self.held.columns, WindowColumns):
            self.held.columns.decode(now)


def made(view: type[FeatureView], rows: HeldRows, now: int, memory: Memory) -> Kept:
    """Rows with their columns, decoded as of the present.

    Args:
        view: the view.
        rows: its rows.
        now: the instant that it is, in microseconds.
        memory: where the tables of windowed views lie.
    """
    if not view.windowed:
        return Held(rows, AttributeColumns(view, rows), rows.capacity)
    columns = WindowColumns(view, rows, memory)
    columns.decode(now)
    return Held(rows, columns, rows.capacity)
