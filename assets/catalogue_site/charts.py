"""Charts of a feature, as SVG that is made here and takes its colours from the page."""

from collections.abc import Sequence
from datetime import date, datetime

from markupsafe import Markup

from slate.assets.catalogue_site.spreads import OTHERS, Bar, Moment, short

# In units of the picture. A phone shows it in its own size.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 110, 44, 8, 8, 18
SPARK_WIDTH, SPARK_HEIGHT, SPARK_BAR = 84, 20, 14
# Of categories so many have a colour of their own.
COLOURS = 5

Point = tuple[float, float]


def spark(shown: Sequence[Bar]) -> Markup:
    """A distribution in a line's height: it says its shape, and nothing else."""
    if not shown:
        return Markup("")
    greatest = max(bar.share for bar in shown) or 1
    width = min(SPARK_WIDTH / len(shown), SPARK_BAR)
    path = "".join(
        f"M{number * width + 0.5:.1f} {SPARK_HEIGHT}v-{height:.1f}h{width - 1:.1f}v{height:.1f}z"
        for number, bar in enumerate(shown)
        if (height := max(1.0, SPARK_HEIGHT * bar.share / greatest))
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-hidden="true">'
        '<path d="{path}"/></svg>'
    ).format(w=SPARK_WIDTH, h=SPARK_HEIGHT, path=path)


def over_runs(found: Sequence[Moment]) -> Markup:
    """How numbers or categories were spread from run to run; empty of fewer than two runs."""
    if len(found) < 2:
        return Markup("")
    if numbers := [one for one in found if one.quantiles]:
        return _bands(numbers) if len(numbers) > 1 else Markup("")
    categories = [one for one in found if one.shares is not None]
    return _stack(categories) if len(categories) > 1 else Markup("")


def nulls_over_runs(found: Sequence[Moment]) -> Markup:
    """The share of rows without a value from run to run; empty where there never was one."""
    if len(found) < 2 or not any(one.nulls for one in found):
        return Markup("")
    return _line([one.at for one in found], [one.nulls for one in found], "nulls", share=True)


def by_day(days: Sequence[date], means: Sequence[float]) -> Markup:
    """The mean by day; empty of fewer than two days."""
    if len(days) < 2:
        return Markup("")
    moments = [datetime(day.year, day.month, day.day) for day in days]
    return _line(moments, means, "mean", share=False)


def _bands(found: Sequence[Moment]) -> Markup:
    """The median as a line, within bands of half and of nine tenths of the values."""
    at = _along([one.at for one in found])
    least = min(one.quantiles[0] for one in found)
    greatest = max(one.quantiles[-1] for one in found)
    rows = [[_up(value, least, greatest) for value in one.quantiles] for one in found]

    def band(low: int, high: int) -> str:
        there = [(x, row[high]) for x, row in zip(at, rows, strict=True)]
        back = [(x, row[low]) for x, row in zip(at, rows, strict=True)][::-1]
        return f"M{_path([*there, *back])}z"

    middle = [(x, row[2]) for x, row in zip(at, rows, strict=True)]
    first, last = found[0].quantiles, found[-1].quantiles
    told = (
        f"{len(found)} runs: the median was {short(first[2])} and is {short(last[2])}; nine tenths "
        f"of the values lie between {short(last[0])} and {short(last[-1])} now"
    )
    inner = Markup(
        '<path class="band outer" d="{}"/><path class="band inner" d="{}"/>'
        '<path class="line" d="M{}"/>'
    ).format(band(0, 4), band(1, 3), _path(middle))
    ends = found[0].at, found[-1].at
    return _frame(inner, told, (short(least), short(greatest)), ends)


def _stack(found: Sequence[Moment]) -> Markup:
    """The shares of categories, one above the other."""
    newest = found[-1].shares or {}
    names = [name for name in newest if name != OTHERS][:COLOURS]
    at = _along([one.at for one in found])
    base = [0.0] * len(found)
    pieces = []
    for number, name in enumerate([*names, OTHERS]):
        if name == OTHERS:
            top = [1.0] * len(found)
        else:
            more = [(one.shares or {}).get(name, 0.0) for one in found]
            top = [low + share for low, share in zip(base, more, strict=True)]
        there = [(x, _up(y, 0, 1)) for x, y in zip(at, top, strict=True)]
        back = [(x, _up(y, 0, 1)) for x, y in zip(at, base, strict=True)][::-1]
        colour = "others" if name == OTHERS else f"c{number}"
        pieces.append(
            Markup('<path class="part {}" d="M{}z"><title>{}</title></path>').format(
                colour, _path([*there, *back]), name
            )
        )
        base = top
    told = f"{len(found)} runs: " + ", ".join(f"{name} {newest[name]:.0%} now" for name in names)
    ends = found[0].at, found[-1].at
    return _frame(Markup("").join(pieces), told, ("0%", "100%"), ends)


def _line(at: Sequence[datetime], values: Sequence[float], what: str, *, share: bool) -> Markup:
    least, greatest = (0.0, max(values)) if share else (min(values), max(values))
    points = [(x, _up(y, least, greatest)) for x, y in zip(_along(at), values, strict=True)]
    name = (lambda value: f"{value:.1%}") if share else short
    told = f"{what}: {name(values[0])} at first, {name(values[-1])} now"
    inner = Markup('<path class="line" d="M{}"/>').format(_path(points))
    return _frame(inner, told, (name(least), name(greatest)), (at[0], at[-1]))


def _frame(
    inner: Markup, told: str, ends: tuple[str, str], span: tuple[datetime, datetime]
) -> Markup:
    """A chart with its axes: what the ends of both are, and in words what it shows."""
    (least, greatest), (first, last) = ends, span
    bottom = HEIGHT - BOTTOM
    form = "%Y-%m-%d" if last.date() != first.date() else "%H:%M"
    labels = [
        (LEFT - 5, TOP + 8, "end", greatest),
        (LEFT - 5, bottom, "end", least if least != greatest else ""),
        (LEFT, HEIGHT - 5, "start", f"{first:{form}}"),
        (WIDTH - RIGHT, HEIGHT - 5, "end", f"{last:{form}}" if last != first else ""),
    ]
    texts = [
        Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(*label) for label in labels
    ]
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{told}">'
        "<title>{told}</title>{inner}"
        '<path class="axis" d="M{left} {top}V{bottom}H{right}"/>{texts}</svg>'
    ).format(
        w=WIDTH,
        h=HEIGHT,
        told=told,
        inner=inner,
        left=LEFT,
        top=TOP,
        bottom=bottom,
        right=WIDTH - RIGHT,
        texts=Markup("").join(texts),
    )


def _along(at: Sequence[datetime]) -> list[float]:
    """Instants as places along the picture."""
    first, last = min(at), max(at)
    span = (last - first).total_seconds() or 1.0
    room = WIDTH - LEFT - RIGHT
    return [LEFT + room * (one - first).total_seconds() / span for one in at]


def _up(value: float, least: float, greatest: float) -> float:
    """A value as a place in the picture's height; the middle where all are the same."""
    room = HEIGHT - TOP - BOTTOM
    share = (value - least) / (greatest - least) if greatest > least else 0.5
    return HEIGHT - BOTTOM - room * share


def _path(points: Sequence[Point]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
