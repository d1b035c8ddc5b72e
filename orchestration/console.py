"""A run's log as a person reads it at a terminal: one line for each step's begin, words and end."""

import logging
import sys
import time
from typing import Any

import dagster as dg

from slate.orchestration.outcomes import alarms_only, blocked, held_back, reason

_SHOWN = {
    dg.DagsterEventType.STEP_SUCCESS: "done",
    dg.DagsterEventType.STEP_FAILURE: "FAILED",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
    dg.DagsterEventType.ASSET_CHECK_EVALUATION: "",
}

# What dagster-dbt says of itself; others say what dbt does and how it ends.
_NOISE = ("A dbt subsetted execution", "Copying `", "Running dbt command", "Finished dbt command")
# What was not done for what failed is told at the end.
_NOT_DONE = "Dependencies for step"


class _Lines(logging.Handler):
    def __init__(self, began: float) -> None:
        super().__init__()
        self._began = began

    def emit(self, record: logging.LogRecord) -> None:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event: dg.DagsterEvent | None = meta.get("dagster_event")
        text = str(meta.get("orig_message", record.getMessage()))
        if event is not None:
            if event.event_type not in _SHOWN:
                return
            text = _event_text(event, _SHOWN[event.event_type])
            if not text:
                return
        elif record.levelno < logging.INFO or text.startswith((*_NOISE, _NOT_DONE)):
            return
        elif record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        seconds = time.monotonic() - self._began
        step = meta.get("step_key") or ""
        sys.stderr.write(f"{seconds:6.1f} s  {step:<42.42} {text}\n")


def _event_text(event: dg.DagsterEvent, word: str) -> str:
    if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed:
            return ""
        what = "warns; nothing is held back for it"
        if held_back(evaluation):
            what = "FAILED: what depends on it is held back"
        elif alarms_only(evaluation):
            what = "FAILED; the run goes on"
        return f"check {evaluation.check_name} {what}"
    if event.is_step_success:
        return f"{word} in {event.step_success_data.duration_ms / 1000:.1f} s"
    if event.is_step_failure:
        if event.step_failure_data.error_source.name == "INTERRUPT":
            return "interrupted"
        if blocked(event):
            return ""
        return f"{word}: {reason(event)}"
    return word


@dg.logger(
    {"began": dg.Field(float, is_required=False)},
    description="One line for each step's begin, words and end.",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """The logger of runs that are started from a terminal."""
    logger = logging.Logger("slate.run")
    logger.addHandler(_Lines(context.logger_config.get("began", time.monotonic())))
    return logger
