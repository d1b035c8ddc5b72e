"""What came of a run, in the few lines that a person reads last."""

from collections.abc import Iterator, Sequence

import dagster as dg

from slate.assets.view_checks import CHECK
from slate.assets.warehouse_build import NOT_BUILT
from slate.errors import HeldBackError

_HELD_BACK = HeldBackError.__name__
_SHOWN = 12


def told(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, and what was not done for it."""
    events = result.all_events
    lines = [f"  {line}" for line in dict.fromkeys(_reasons(events))]
    made = {event.asset_key for event in events if _made(event)}
    missing = sorted(
        key.to_user_string() for key in result.job_def.asset_layer.selected_asset_keys - made
    )
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        lines.append(
            f"  not made, so what was there before stays: {', '.join(missing[:_SHOWN])}{more}"
        )
    return "\n".join(["the run failed:", *lines, "  `slate ui` shows it step by step"])


def _made(event: dg.DagsterEvent) -> bool:
    """Whether it tells of an asset that was made."""
    if not event.is_step_materialization:
        return False
    made = event.step_materialization_data.materialization
    return NOT_BUILT not in made.metadata


def alarms(result: dg.ExecuteInProcessResult) -> str:
    """What a run that succeeded found to be wrong all the same; empty if nothing."""
    found = [
        f"  {_check(event.asset_check_evaluation_data)}"
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and alarms_only(event.asset_check_evaluation_data)
    ]
    return "\n".join(["the run succeeded, but:", *found]) if found else ""


def alarms_only(evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether a check found something wrong that the run goes on beside."""
    wrong = not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR
    return wrong and not held_back(evaluation)


def held_back(evaluation: dg.AssetCheckEvaluation) -> bool:
    """Whether a check that has not passed holds back what depends on it."""
    return evaluation.check_name == CHECK and evaluation.severity is dg.AssetCheckSeverity.ERROR


def blocked(failure: dg.DagsterEvent) -> bool:
    """Whether a step failed only for a check that did not pass, and that has told of it."""
    raised = failure.step_failure_data.user_failure_data
    kind = raised.metadata.get("kind") if raised is not None else None
    return kind is not None and kind.value == _HELD_BACK


def reason(failure: dg.DagsterEvent) -> str:
    """Why a step failed."""
    data = failure.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    # Dagster's own words about user code failing; what failed is behind them.
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "it does not say why"


def _reasons(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    for event in events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and held_back(evaluation):
                yield _check(evaluation)
        elif event.is_step_failure and not blocked(event):
            yield f"{event.step_key}: {reason(event)}"


def _check(evaluation: dg.AssetCheckEvaluation) -> str:
    """What a check found, and where more of it is."""
    name = evaluation.asset_key.to_user_string()
    found = "; ".join((evaluation.description or "it did not pass").split("\n\n"))
    report = evaluation.metadata.get("report")
    where = f" (report: {report.value})" if report is not None else ""
    return f"{name}, check {evaluation.check_name}: {found}{where}"
