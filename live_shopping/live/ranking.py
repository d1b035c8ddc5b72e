"""One viewer's feed, ranked again and again: what moved, and a table of it."""

from shutil import get_terminal_size
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from live_shopping.feed import Catalog, score
from live_shopping.model.ranker import Ranker
from slate.states import State

TOP = 10
# From so many columns on there is room for ids.
WIDE = 110
TEXTS = ("show", "title", "category")
NUMBERS = ("taps 10m", "mood", "taste", "score")


class Feed:
    """The feed of one viewer.

    Args:
        shows: what it is ranked from.
        ranker: ranks it by a model; None for the score that does without one.

    Attributes:
        top: the best shows as of the latest ranking, a row of ``TEXTS`` and ``NUMBERS`` of each.
        moves: by how many places each of them went up since the ranking before; None if it was
            the first.
    """

    def __init__(self, shows: Catalog, ranker: Ranker | None = None) -> None:
        self._shows = shows
        self._ranker = ranker
        self._places: dict[str, int] = {}
        self._categories: list[str] = []
        self._title = max(map(len, shows.titles), default=0)
        self._states: list[tuple[State, State]] = []
        self.top: list[tuple[Any, ...]] = []
        self.moves: list[int | None] = []

    def rank(self, answer: Any) -> None:
        """Rank all shows by the answer to a request for them."""
        if self._ranker is not None:
            ranked = self._ranker.rank(answer)
            worth, order = ranked.scores, ranked.order
        else:
            worth = score(answer)
            order = np.argsort(-worth, kind="stable")
        features = (
            answer["show_catalog.category"],
            answer["show_activity.taps_10m"],
            answer["feed_request.mood"],
            answer["feed_request.taste"],
        )
        self.top = [
            (
                self._shows.shows[row],
                self._shows.titles[row],
                *(values[row] for values in features),
                worth[row],
            )
            for row in order[:TOP]
        ]
        of_views = (answer.states[view].state for view in ("show_catalog", "show_activity"))
        of_category, of_taps = (states[order[:TOP]].tolist() for states in of_views)
        self._states = list(zip(map(State, of_category), map(State, of_taps), strict=True))
        self._categories = features[0][order].tolist()
        before = self._places
        self._places = {self._shows.shows[row]: place for place, row in enumerate(order.tolist())}
        self.moves = [
            before[show] - place if before else None for place, (show, *_) in enumerate(self.top)
        ]

    def table(self, taste: str) -> Table:
        """The best shows, those of a category in bold."""
        wide = get_terminal_size().columns >= WIDE
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("rank", justify="right")
        table.add_column("moved", no_wrap=True, min_width=len("▲ 2000"))
        for name in TEXTS[not wide :]:
            # Titles come and go, and columns are to stay where they are.
            width = self._title if name == "title" and wide else None
            table.add_column(name, no_wrap=name != "title", min_width=width)
        for name in NUMBERS:
            table.add_column(name, no_wrap=True, justify="right")
        shown = zip(self.top, self._states, self.moves, strict=True)
        for place, (row, (of_category, of_taps), moved) in enumerate(shown, 1):
            show, title, category, taps, *shares = row
            table.add_row(
                str(place),
                _arrow(moved),
                *([show] if wide else []),
                Text(title, no_wrap=True, overflow="ellipsis"),
                of_category.beside(category),
                of_taps.beside(f"{taps:.0f}"),
                *("-" if np.isnan(value) else f"{value:.2f}" for value in shares),
                style="bold" if category == taste else "",
            )
        return table

    def best_place(self, category: str) -> int:
        """The place of the best show of a category, from 1; 0 where there is none."""
        places = (place for place, found in enumerate(self._categories, 1) if found == category)
        return next(places, 0)

    def count(self, category: str) -> int:
        """How many of the best shows are of a category."""
        return sum(row[TEXTS.index("category")] == category for row in self.top)


def _arrow(moved: int | None) -> Text:
    if not moved:
        return Text("" if moved is None else "·", "dim")
    return Text(f"▲ {moved}", "green") if moved > 0 else Text(f"▼ {-moved}", "red")
