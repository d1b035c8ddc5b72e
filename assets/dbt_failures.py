"""What dbt could not build, or did not let pass, in its own words."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliInvocation

from slate.errors import DataError
from slate.offline.warehouse import known_failure

_FAILED = ("error", "fail", "runtime error")
_SHOWN = 5


def failed_models(invocation: DbtCliInvocation, manifest: Path) -> dict[str, str]:
    """By model that dbt failed on, why; of one that a test did not let pass, what the test says.

    Empty where dbt ended before it built anything.

    Args:
        invocation: the run of dbt, which has ended.
        manifest: that of the dbt project.
    """
    try:
        results = invocation.get_artifact("run_results.json")["results"]
    except FileNotFoundError:
        return {}
    graph = json.loads(manifest.read_text())
    found: dict[str, str] = {}
    for result in results:
        if result["status"] in _FAILED:
            node, message = result["unique_id"], " ".join(str(result["message"]).split())
            for model in _about(node, graph):
                own = node.startswith("model.")
                found.setdefault(model, message if own else f"its test {_name(node)}: {message}")
    return found


def _about(node: str, graph: Mapping[str, Any]) -> Iterator[str]:
    """The models that a node of dbt's graph is about: itself, or those that a test looks at."""
    if node.startswith("model."):
        yield _name(node)
        return
    for parent in graph["parent_map"].get(node, ()):
        if parent.startswith("model."):
            yield _name(parent)
            continue
        # Of a table that others fill: what reads it.
        for child in graph["child_map"].get(parent, ()):
            if child.startswith("model."):
                yield _name(child)


def _name(node: str) -> str:
    return node.split(".")[2]


def dbt_failure(failed: Mapping[str, str], warehouse: Path, error: Exception | None) -> DataError:
    """The error that a run ends with in which dbt failed.

    Args:
        failed: by model that it failed on, why.
        warehouse: the DuckDB file.
        error: what was raised of it, where that is known.
    """
    if not failed:
        return DataError(f"dbt ended before it built anything: {error}")
    for message in failed.values():
        if (known := known_failure(warehouse, message)) is not None:
            return DataError(known)
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    told = "; ".join(f"{name}: {failed[name]}" for name in list(failed)[:_SHOWN])
    return DataError(
        f"dbt failed on {told}{more}. What depends on it is not built; fix the model, or the data "
        "that it is about, and run again"
    )
