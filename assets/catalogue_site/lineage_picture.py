"""A graph as a picture: a column for each stage, curves between them; as SVG, made here."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from slate.assets.catalogue_site.addresses import up
from slate.assets.catalogue_site.lineage_graph import Graph, Node, Stage

# All in units of the picture, which are pixels where there is room.
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, HEAD = 168, 26, 56, 8, 6, 24
# The room of a curve that passes a column.
PASSING = 4
# A name is cut where its box ends.
LETTERS = 24
# How often columns are put in the order of what they are joined with.
SWEEPS = 6


@dataclass(frozen=True)
class Passing:
    """The place where curves from one node pass a column, on their way to a later one."""

    stage: Stage
    start: Node


Slot = Node | Passing
Places = dict[Slot, tuple[int, int]]


def picture(graph: Graph, page: str, here: tuple[Stage, str] | None = None) -> Markup:
    """The picture of a graph, whose nodes are links.

    Args:
        graph: the graph.
        page: the page that it stands on.
        here: what that page is of.

    Returns:
        An SVG element; empty of a graph that joins nothing.
    """
    if not graph.edges:
        return Markup("")
    stages = [stage for stage in Stage if any(node.stage is stage for node in graph.nodes)]
    ways = [_way(start, end, stages) for start, end in graph.edges]
    columns = _ordered(graph, ways, stages)
    places, height = _placed(columns)
    width = 2 * MARGIN + len(columns) * (WIDTH + GAP_X) - GAP_X
    heads = [
        Markup('<text class="stage" x="{}" y="16">{}</text>').format(
            MARGIN + x * (WIDTH + GAP_X), stage.heading
        )
        for x, stage in enumerate(columns)
    ]
    marked = {node for node in graph.nodes if (node.stage, node.name) == here}
    # What is marked is drawn last, so that it lies above the others.
    ways.sort(key=lambda way: (bool(marked & {way[0], way[-1]}), [places[slot] for slot in way]))
    curves = [_curve(way, places, bool(marked & {way[0], way[-1]})) for way in ways]
    boxes = [_box(node, places[node], page, node in marked) for node in graph.nodes]
    return Markup(
        '<svg class="lineage" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="group" '
        'aria-label="What is made of what">{inner}</svg>'
    ).format(w=width, h=height, inner=Markup("").join([*heads, *curves, *boxes]))


def _way(start: Node, end: Node, stages: list[Stage]) -> list[Slot]:
    """The slots of an edge: its ends, and where it passes the columns between them."""
    between = [stage for stage in stages if start.stage < stage < end.stage]
    return [start, *(Passing(stage, start) for stage in between), end]


def _ordered(graph: Graph, ways: list[list[Slot]], stages: list[Stage]) -> dict[Stage, list[Slot]]:
    """What stands in each column, so that what is joined stands side by side.

    Each column is put in the order of the mean place of what it is joined with, again and again
    from both sides (Sugiyama, Tagawa and Toda, 1981).
    """
    passing = {slot for way in ways for slot in way if isinstance(slot, Passing)}
    # Edges are a set: only names give an order that is the same each time.
    slots: list[Slot] = [*graph.nodes, *sorted(passing, key=lambda slot: slot.start.name)]
    columns = {stage: [slot for slot in slots if slot.stage is stage] for stage in stages}
    joined: dict[Slot, set[Slot]] = defaultdict(set)
    for way in ways:
        for one, other in pairwise(way):
            joined[one].add(other)
            joined[other].add(one)
    for sweep in range(SWEEPS):
        for stage in stages[1:] if sweep % 2 == 0 else stages[-2::-1]:
            place = {
                slot: (row + 0.5) / len(column)
                for column in columns.values()
                for row, slot in enumerate(column)
            }

            def mean(slot: Slot, place: dict[Slot, float] = place) -> float:
                others = [place[other] for other in joined[slot] if other.stage != slot.stage]
                # Each rounded sum is of another order of the set.
                return round(sum(others) / len(others), 9) if others else place[slot]

            columns[stage].sort(key=mean)
    return columns


def _placed(columns: dict[Stage, list[Slot]]) -> tuple[Places, int]:
    """Where each slot's upper left corner is, and the picture's height."""
    tall = {stage: sum(map(_room, column)) for stage, column in columns.items()}
    greatest = max(tall.values())
    places: Places = {}
    for x, (stage, column) in enumerate(columns.items()):
        # Short columns stand in the middle of the tall ones.
        y = HEAD + MARGIN + (greatest - tall[stage]) // 2
        for slot in column:
            places[slot] = MARGIN + x * (WIDTH + GAP_X), y
            y += _room(slot)
    return places, HEAD + 2 * MARGIN + greatest - GAP_Y


def _room(slot: Slot) -> int:
    return (HEIGHT if isinstance(slot, Node) else PASSING) + GAP_Y


def _curve(way: list[Slot], places: Places, marked: bool) -> Markup:
    path = ""
    for one, other in pairwise(way):
        (x0, y0), (x1, y1) = _middle(one, places), _middle(other, places)
        if x0 == x1:  # within a column: around its left
            path += f"M{x0} {y0}C{x0 - 22} {y0} {x0 - 22} {y1} {x1} {y1}"
            continue
        path += f"M{x0} {y0}H{x0 + WIDTH}" if isinstance(one, Passing) else f"M{x0 + WIDTH} {y0}"
        bend = (x0 + WIDTH + x1) // 2
        path += f"C{bend} {y0} {bend} {y1} {x1} {y1}"
    return Markup('<path class="{}" d="{}"/>').format("edge marked" if marked else "edge", path)


def _middle(slot: Slot, places: Places) -> tuple[int, int]:
    """The middle of a slot's left side."""
    x, y = places[slot]
    return x, y + (HEIGHT if isinstance(slot, Node) else PASSING) // 2


def _box(node: Node, place: tuple[int, int], page: str, marked: bool) -> Markup:
    x, y = place
    text = node.name if len(node.name) <= LETTERS else f"{node.name[: LETTERS - 1]}…"
    inner = Markup(
        '<title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text x="{}" y="{}">{}</text>'
    ).format(node.name, x, y, WIDTH, HEIGHT, x + 9, y + 17, text)
    kind = f"node {node.stage.name.lower()}{' here' if marked else ''}"
    return Markup('<a class="{}" href="{}">{}</a>').format(kind, up(page) + node.page, inner)
