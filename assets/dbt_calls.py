"""Calling dbt: as a process of its own, in passes, and what came of it."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DbtCliInvocation, DbtCliResource
from packaging.version import Version

from slate.assets.builds import Build
from slate.assets.dbt_failures import failed_models
from slate.assets.interrupts import deaf, ended
from slate.compile.model_names import state_models
from slate.registry import Registry

# Unit tests are for whoever changes a model, and know nothing of a run's hours.
_UNIT_TESTS = "resource_type:unit_test"


class Dbt(DbtCliResource):
    """dbt as a process of its own, whose version is that of the installed package.

    Dagster runs `dbt --version` for it: two seconds, in which dbt asks the package index what is
    newest. And it makes a second adapter in its own process, to ask the warehouse for columns and
    counts: a second or two of parsing macros, and nobody asks.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


@dataclass(frozen=True)
class Pass:
    """One call of dbt.

    Attributes:
        excluded: the models that are not built.
        start, end: the hours that are.
        anew: whether tables are made anew, with these hours first.
        last: whether it is the last for its models, so that what it tells of them is the outcome.
    """

    excluded: Collection[str]
    start: datetime
    end: datetime
    anew: bool
    last: bool

    def arguments(self) -> list[str]:
        """What dbt is called with."""
        anew = ["--full-refresh"] if self.anew else []
        hours = ["--event-time-start", str(self.start), "--event-time-end", str(self.end)]
        # One argument: of several dbt takes the second for something else.
        excluded = " ".join([_UNIT_TESTS, *sorted(self.excluded)])
        return ["build", "--exclude", excluded, *anew, *hours]


def passes(registry: Registry, build: Build) -> Iterator[Pass]:
    """How dbt is called: for the new hours, then for all hours of what is anew.

    Many rows are built in parts, each as if it were the new hours of its time. What holds the state
    at the end is built with the last.
    """
    everything = datetime.min, build.until
    if build.span is None:
        spans = [(set[str](), everything, True)]
    else:
        spans = [(set(build.anew), build.span, False)]
        if build.anew:
            # It reads of the others, and none of these of it.
            spans.append((set(build.models) - set(build.anew), everything, True))
    state = {model for view in registry.views.values() for model in state_models(view)}
    for excluded, span, anew in spans:
        parts = build.parts(span)
        for start, end in parts:
            last = (start, end) == parts[-1]
            left_out = excluded if last else excluded | state
            yield Pass(left_out, start, end, anew and start == span[0], last)


@dataclass(frozen=True)
class Ran:
    """What came of calling dbt.

    Attributes:
        events: what it told of the models, in order.
        invocation: the last call.
        failure: what was raised of that; None if all went well.
        all_passes: whether nothing was left to be called after it.
    """

    events: Sequence[Any]
    invocation: DbtCliInvocation
    failure: DagsterDbtCliRuntimeError | None
    all_passes: bool

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs of the models that it built."""
        return [event.output_name for event in self.events if isinstance(event, dg.Output)]

    def failed(self, manifest: Path) -> dict[str, str]:
        """By model that it failed on, why."""
        return {} if self.failure is None else failed_models(self.invocation, manifest)


def run(context: dg.AssetExecutionContext, dbt: Dbt, passes: Sequence[Pass]) -> Ran:
    """Call dbt, up to the first call that fails."""
    events: list[Any] = []
    failure = None
    for number, one in enumerate(passes, 1):
        if len(passes) > 1:
            context.log.info(f"dbt builds part {number} of {len(passes)}: up to {one.end}")
        with ExitStack() as running:
            with deaf():
                invocation = dbt.cli(one.arguments(), context=context)
                running.enter_context(ended(invocation.process))
            try:
                for event in invocation.stream():
                    if one.last:
                        events.append(event)
                    if isinstance(event, dg.Output):
                        context.log.info(f"built {event.output_name} ({len(events)})")
            except DagsterDbtCliRuntimeError as error:
                failure = error
                break
        # Some megabytes a run, of interest only after a failure.
        shutil.rmtree(invocation.target_path)
    return Ran(events, invocation, failure, number == len(passes))
