"""Pictures of moves: both distributions side by side, as bars of text that any Markdown shows."""

from slate.markdown import cell
from slate.quality.moves import Move
from slate.quality.reports import value_text
from slate.quality.results import Validation

_WIDTH = 24  # characters of the longest bar
_SHOWN = 5


def pictures(validation: Validation) -> str:
    """How the features were spread, and are, that moved most; empty where none was compared.

    Those that failed come first.
    """
    failed = {name for result in validation.failed for name in result.expectation.columns}
    found = sorted(
        validation.moves.values(), key=lambda move: (move.column not in failed, -move.psi)
    )
    return "\n".join(picture(move) for move in found[:_SHOWN])


def picture(move: Move, before_is: str = "last good run", now_is: str = "now") -> str:
    """One feature's two distributions, as a Markdown table with these two over its columns."""
    distance = "" if move.ks is None else f", KS {move.ks:.3f}"
    lines = [
        f"**{cell(move.column)}**: PSI {move.psi:.3f}{distance}",
        "",
        f"| | {before_is} | {now_is} |",
        "|---|---|---|",
    ]
    before, now = move.before.shares, move.now.shares
    longest = max(*before, *now)
    for label, was, found in zip(_labels(move), before, now, strict=True):
        if was or found:
            lines.append(f"| {cell(label)} | {_bar(was, longest)} | {_bar(found, longest)} |")
    return "\n".join(lines) + "\n"


def _labels(move: Move) -> list[str]:
    bounds = [value_text(bound) for bound in move.before.bounds]
    if not move.before.numeric:
        return [*bounds, "any other"]
    return [*(f"to {bound}" for bound in bounds), f"above {bounds[-1]}"]


def _bar(share: float, longest: float) -> str:
    return f"{'█' * round(_WIDTH * share / longest)} {share:.1%}"
