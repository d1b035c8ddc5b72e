"""Where Dagster keeps what runs print: its own way, undisturbed by interrupts."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dagster._core.instance.ref import compute_logs_directory
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from assets.interrupts import deaf


class Logs(LocalComputeLogManager):
    """Dagster's own, but what it starts to copy a run's output is deaf to interrupts.

    An interrupt typed at a terminal goes to every process there. These would end with a traceback,
    and take with them what the run has yet to say; Dagster ends them itself when the run has ended.
    """

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "Logs":
        """As dagster.yaml configures it, in the folder that is Dagster's default."""
        folder = compute_logs_directory(config_value["base_dir"])
        return cls(base_dir=folder, inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Copy what is printed into files."""
        with ExitStack() as captured:
            with deaf():
                context = captured.enter_context(super().capture_logs(log_key))
            yield context
