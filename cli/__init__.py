"""The command line: `slate`, with a module for each command."""
