"""A command with its options."""

from argparse import ArgumentParser
from typing import Protocol


class Add(Protocol):
    """Adds a command to the command line."""

    def __call__(self, name: str, text: str, details: str = "") -> ArgumentParser:
        """Add it.

        Args:
            name: of the command, and of its module.
            text: what it does, in a line.
            details: what is to be known of it besides.

        Returns:
            What its options are added to.
        """
