"""What values of options are, and what is said of those that are none."""

import argparse
from datetime import datetime

from slate.limits import LONGEST

SHORTEST_LEASE = 0.1


def key_value(text: str) -> tuple[str, list[str]]:
    """A name and its values, as of ``key=a,b``."""
    name, equals, values = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value")
    return name, values.split(",")


def subject(text: str) -> tuple[str, list[str]]:
    """A key with its value, which may have commas."""
    name, _ = key_value(text)
    return name, [text.partition("=")[2]]


def number(text: str) -> int:
    """A whole number from 1 on."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number: give 1 or more")
    return int(text)


def count(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number: give 0 or more")
    return int(text)


def port(text: str) -> int:
    """A port; 0 for a free one."""
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 0 to 65535")
    return int(text)


def fixed_port(text: str) -> int:
    """A port that others know."""
    if not (text.isdecimal() and 0 < int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 1 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds, more than 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds: give more than 0, and {LONGEST:,} at most"
        )
    return found


def lease(text: str) -> float:
    """A number of seconds that workers can renew a lease within."""
    found = seconds(text)
    if found < SHORTEST_LEASE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is too short for workers to renew it in time: give {SHORTEST_LEASE} or more"
        )
    return found


def wait(text: str) -> float:
    """A number of seconds; 0 to not wait at all."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds: give 0 or more, and {LONGEST:,} at most"
        )
    return found


def instant(text: str) -> datetime:
    """An instant, as ISO 8601 has it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-22T09:30 or 2026-11-22T09:30:00+01:00"
        ) from None
