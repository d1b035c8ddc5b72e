"""Lineage: what is made of what, for each definition just that."""

import pytest

from slate.assets.catalogue_site.compiled_sql import CompiledSql
from slate.assets.catalogue_site.definition_code import DefinitionCode
from slate.assets.catalogue_site.lineage_graph import Graph, Stage, lineage
from slate.assets.catalogue_site.lineage_picture import picture
from slate.deployment import Deployment
from tests.catalogue import shop as definitions


@pytest.fixture
def graph(shop: Deployment) -> Graph:
    return lineage(shop.registry, CompiledSql(shop))


def names(graph: Graph) -> set[str]:
    return {f"{node.stage.name.lower()} {node.name}" for node in graph.nodes}


def test_edges_go_from_what_is_read_to_what_reads(graph: Graph) -> None:
    edges = {(start.name, end.name) for start, end in graph.edges}
    assert {
        ("sale", "customer_sales_tiles"),
        ("customer_sales_tiles", "customer_sales"),
        ("sale", "customer_profile"),  # the text of its own model says so
        ("customer_profile", "customer_profile"),  # of the model and the view
        ("customer_sales", "sale_request"),
        ("sale_request", "pricing_v2"),
        ("customer_sales", "pricing_v2"),
        ("customer_profile", "other_request"),
        ("customer_profile", "pricing_v1"),
        ("other_request", "pricing_v1"),
        ("sale", "pricing_v1"),  # its spine
        ("sale", "pricing_v2"),
    } == edges


def test_around_a_view_is_what_it_is_made_of_and_what_reads_it(graph: Graph) -> None:
    found = names(graph.around(Stage.VIEW, "customer_sales"))
    assert found == {
        "source sale",
        "model customer_sales_tiles",
        "view customer_sales",
        "request sale_request",
        "service pricing_v2",
    }


def test_around_a_service_are_the_views_that_it_reads(graph: Graph) -> None:
    found = names(graph.around(Stage.SERVICE, "pricing_v1"))
    assert "view customer_profile" in found
    assert "view customer_sales" not in found


def test_a_picture_is_the_same_each_time(graph: Graph) -> None:
    once, again = picture(graph, "views/a.html"), picture(graph, "views/a.html")
    assert once == again
    assert once.count('class="node ') == len(graph.nodes)
    assert once.count('class="edge"') == len(graph.edges)
    assert 'href="../services/pricing_v1.html"' in once


def test_the_code_of_definitions_is_theirs(shop: Deployment) -> None:
    code = DefinitionCode(shop)
    found = code.of(definitions.CustomerProfile)
    assert found is not None
    assert found.text.startswith('class CustomerProfile(FeatureView):\n    """What a customer')
    assert found.text.endswith("vip: bool = feature(default=False)")
    for definition, name in (
        (definitions.pricing_v2, "pricing_v2"),
        (definitions.big_spenders, "big_spenders"),
    ):
        found = code.of(definition)
        assert found is not None
        assert found.text.startswith(f"{name} = ")
        assert found.text.endswith(")")
        assert found.file == "shop.py", "its path on this machine is nobody's business"
