"""Dagster's history of runs, and how fast this process writes it."""

import pytest
from sqlalchemy import create_engine, literal, select
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.pool import NullPool

from slate.orchestration.home import write_history_quickly


def test_engines_know_the_statements_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    # As it sets it, which is undone.
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "")
    write_history_quickly()
    found = []
    for value in (1, 2):
        # As Dagster makes one for each event.
        with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
            result = connection.execute(select(literal(value).label("of_each_other")))
            found.append((result.scalar_one(), result.context.cache_hit))
    assert found == [(1, CacheStats.CACHE_MISS), (2, CacheStats.CACHE_HIT)]
