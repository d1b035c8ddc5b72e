"""What a program does to the world, one by one: to stop it between any two of these."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis.connection import AbstractConnection

from slate.online.serving.answer_log import THREAD

Hook = Callable[[], None]


class Killed(BaseException):
    """Ends what runs, wherever it is."""


class Effects:
    """Calls a hook before each command to the store and each change of a file.

    Attributes:
        number: how many there were while a hook was set.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self._hook: Hook | None = None
        changes = [(os, name) for name in ("replace", "link", "unlink", "fsync", "mkdir")]
        commands = (AbstractConnection, "send_packed_command")
        for owner, name in [*changes, commands]:
            patch.setattr(owner, name, self._hooked(getattr(owner, name)))

    @contextmanager
    def watched(self, hook: Hook) -> Iterator[None]:
        """Call a hook before each effect."""
        self._hook = hook
        try:
            yield
        finally:
            self._hook = None

    @contextmanager
    def killed_before(self, number: int) -> Iterator[None]:
        """Let so many effects pass, and none more, not even those of cleaning up."""
        end = self.number + number

        def kill() -> None:
            if self.number > end:
                raise Killed

        with self.watched(kill):
            yield

    @contextmanager
    def interrupted_before(self, number: int, other: Hook) -> Iterator[None]:
        """Let another run between two effects."""
        at = self.number + number + 1

        def interrupt() -> None:
            if self.number == at:
                with self.paused():
                    other()

        with self.watched(interrupt):
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pass over effects."""
        hook, self._hook = self._hook, None
        try:
            yield
        finally:
            self._hook = hook

    def _hooked(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def hooked(*args: Any, **kwargs: Any) -> Any:
            # What a client logs beside is no step of what is killed.
            if self._hook is not None and threading.current_thread().name != THREAD:
                self.number += 1
                self._hook()
            return function(*args, **kwargs)

        return hooked
