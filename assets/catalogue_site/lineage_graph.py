"""What is made of what: sources, models, views and services as a graph."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

from slate.assets.catalogue_site.addresses import address
from slate.assets.catalogue_site.compiled_sql import CompiledSql
from slate.compile.model_names import tiles_model
from slate.expressions import leaves
from slate.features import Computed, Feature
from slate.registry import Registry


class Stage(IntEnum):
    """The column of the picture that a node stands in, from the left."""

    SOURCE = 0
    MODEL = 1
    VIEW = 2
    REQUEST = 3
    SERVICE = 4

    @property
    def heading(self) -> str:
        """What the column is called."""
        return ("Sources", "Models", "Views", "At request", "Services")[self]


@dataclass(frozen=True)
class Node:
    """Something that others are made of, or that is made of others.

    Attributes:
        stage: what it is.
        name: its name, within its stage.
        page: its page, below the site's folder.
    """

    stage: Stage
    name: str
    page: str


@dataclass(frozen=True)
class Graph:
    """Nodes in order of definition, and edges from what is read to what reads it."""

    nodes: tuple[Node, ...]
    edges: frozenset[tuple[Node, Node]]

    def around(self, stage: Stage, name: str) -> "Graph":
        """What a node is made of and what is made of it, with all between.

        Services read views themselves, also those that they need for what is computed when asked;
        another view that the same class of request features reads is none of theirs.
        """
        here = {node for node in self.nodes if node.stage is stage and node.name == name}
        behind, ahead = defaultdict(set), defaultdict(set)
        for start, end in self.edges:
            behind[end].add(start)
            ahead[start].add(end)
        kept = here | _reached(here, behind) | _reached(here, ahead)
        return self.of(kept)

    def of(self, kept: Collection[Node]) -> "Graph":
        """The part that has these nodes."""
        return Graph(
            tuple(node for node in self.nodes if node in kept),
            frozenset(edge for edge in self.edges if edge[0] in kept and edge[1] in kept),
        )


def lineage(registry: Registry, sql: CompiledSql) -> Graph:
    """The graph of a deployment.

    Of models it has those that the deployment writes itself, and the tiles of windowed views; a
    source's own model stands for itself as the source.
    """
    nodes: dict[tuple[Stage, str], Node] = {}
    edges: set[tuple[Node, Node]] = set()

    def node(stage: Stage, name: str, page: str = "") -> Node:
        return nodes.setdefault((stage, name), Node(stage, name, page))

    of_model = {
        source.model: node(Stage.SOURCE, source.name, address(source))
        for source in registry.sources.values()
    }

    def model(name: str, page: str) -> Node:
        """A model, with all that it is made of."""
        if name in of_model:
            return of_model[name]
        made = of_model[name] = node(Stage.MODEL, name, page)
        found = sql.models.get(name)
        # A compiled model reads what the definition says; of one's own the text tells.
        for read in found.reads if found is not None and found.own else ():
            edges.add((model(read, page), made))
        return made

    for view in registry.views.values():
        page = address(view)
        made = node(Stage.VIEW, view.name, page)
        if view.windowed:
            tiles = node(Stage.MODEL, tiles_model(view), f"{page}#sql")
            edges |= {(of_model[view.source.model], tiles), (tiles, made)}
        else:
            edges.add((model(view.model, f"{page}#sql"), made))
    for source in registry.sources.values():
        found = sql.models.get(source.model)
        if found is not None and found.own:
            for read in found.reads:
                if read != source.model:
                    edges.add((model(read, f"{address(source)}#sql"), of_model[source.model]))
    for request in registry.requests.values():
        made = node(Stage.REQUEST, request.name, address(request))
        for feature in request.features.values():
            for leaf in leaves(feature.expression) if isinstance(feature, Computed) else ():
                if isinstance(leaf, Feature) and leaf.view.name in registry.views:
                    edges.add((nodes[Stage.VIEW, leaf.view.name], made))
    for name, plan in registry.plans.items():
        made = node(Stage.SERVICE, name, address(plan.service))
        edges.add((of_model[plan.service.spine.model], made))
        for read_view in plan.views:
            edges.add((nodes[Stage.VIEW, read_view.name], made))
        for feature in (*plan.inputs, *plan.computed):
            edges.add((nodes[Stage.REQUEST, feature.view.name], made))
    return Graph(tuple(nodes.values()), frozenset(edges))


def _reached(start: set[Node], ways: dict[Node, set[Node]]) -> set[Node]:
    found: set[Node] = set()
    waiting = list(start)
    while waiting:
        for node in ways[waiting.pop()] - found:
            found.add(node)
            if node.stage is not Stage.REQUEST:
                waiting.append(node)
    return found
