"""`slate list`: all definitions of the deployment, at a glance."""

import json
from argparse import Namespace
from typing import Any

from slate.cli.text import heading, table
from slate.deployment import load
from slate.facts import View, kind_of_view
from slate.fingerprints import fingerprint
from slate.registry import Registry
from slate.views import FeatureView

Listing = dict[str, list[dict[str, Any]]]


def run(options: Namespace) -> int:
    """Print the listing, as tables or as JSON."""
    found = listing(load().registry)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    tables = [
        f"{heading(kind)}\n{table(map(_cells, rows), head=list(rows[0]))}"
        for kind, rows in found.items()
        if rows
    ]
    print("\n\n".join(tables))
    return 0


def listing(registry: Registry) -> Listing:
    """Entities, sources, views and services, each with what tells them apart."""
    views: list[View] = [*registry.views.values(), *registry.requests.values()]
    return {
        "entities": [
            {"name": e.name, "keys": {k: kind.value for k, kind in e.keys.items()}}
            for e in registry.entities.values()
        ],
        "sources": [
            {
                "name": s.name,
                "model": s.model,
                "landing": s.landing,
                "stream": s.stream,
                "columns": list(s.columns),
                "owner": s.owner,
                "tags": s.tags,
            }
            for s in registry.sources.values()
        ],
        "views": [_view(view) for view in views],
        "services": [
            {
                "name": s.full_name,
                "keys": s.request_keys,
                "spine": s.spine.name,
                "features": [feature.name for feature in s.features],
                "owner": s.owner,
                "tags": s.tags,
            }
            for s in registry.services.values()
        ],
    }


def _view(view: View) -> dict[str, Any]:
    stored = issubclass(view, FeatureView)
    return {
        "name": view.name,
        "kind": kind_of_view(view),
        "entity": view.entity.name if stored else "",
        "features": [feature.name for feature in view.features.values()],
        "owner": view.owner,
        "tags": view.tags,
        "hash": fingerprint(view),
    }


# Too many to be read in a cell.
_COUNTED = ("features", "columns")


def _cells(row: dict[str, Any]) -> list[str]:
    return [str(len(value)) if name in _COUNTED else _cell(value) for name, value in row.items()]


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {kind}" for name, kind in value.items())
    return value if isinstance(value, str) else ", ".join(value)
