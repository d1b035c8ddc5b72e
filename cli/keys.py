"""`slate keys`: what the online store holds under one key of a view."""

from argparse import Namespace

from slate.cli.text import shown_instant, shown_value, table
from slate.deployment import load
from slate.errors import StoreError
from slate.online.rows.instants import microseconds
from slate.online.serving.stored_rows import StoredRow, stored_row
from slate.online.store.redis_client import opened_store
from slate.privacy import HIDDEN, is_personal


def run(options: Namespace) -> int:
    """Print where the row lies, and of each feature the value without and with the stream."""
    deployment = load()
    registry = deployment.registry
    view = registry.view(options.view)
    at = microseconds(options.at or deployment.now())
    with opened_store(deployment) as redis:
        found = stored_row(redis, deployment.name, registry, view, options.key, at)
    shown = {
        feature: (HIDDEN, HIDDEN) if is_personal(feature) and not options.pii else both
        for feature, both in found.values.items()
    }
    print(table(_facts(found)))
    print()
    head = ("feature", "published", "with the stream")
    # Without a stream the first column is all that there is.
    states = found.states if found.streamed_at is not None else found.states[:1]
    rows = [
        (
            f.column,
            *(state.beside(shown_value(one)) for one, state in zip(both, states, strict=False)),
        )
        for f, both in shown.items()
    ]
    print(table(rows, head=head[: len(states) + 1]))
    if found.errors:
        raise StoreError("; ".join(found.errors))
    return 0


def _facts(found: StoredRow) -> list[tuple[str, str]]:
    facts = [
        ("generation", f"{found.generation}, as of {shown_instant(found.as_of)}"),
        ("published", f"{found.published_at}: {_size(found.published)}"),
    ]
    if found.streamed_at is not None:
        hours = ", ".join(f"{hour:%Y-%m-%d %H:00}" for hour in found.hours)
        arrived = f", of what arrived in the hour of {hours}" if hours else ""
        facts.append(("streamed", f"{found.streamed_at}: {_size(found.streamed)}{arrived}"))
    return facts


def _size(size: int | None) -> str:
    return "nothing" if size is None else f"{size:,} bytes"
