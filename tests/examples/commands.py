"""The examples, as a reader runs them: a copy in a folder of its own, and the README's commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"```\n(.*?)```", re.DOTALL)


class Example:
    """A copy of an example, without what its commands write.

    Args:
        name: its folder.
        folder: where the copy lies.
        clock: where the clock stands, for a part of its data.
    """

    def __init__(self, name: str, folder: Path, clock: str) -> None:
        self.original = ROOT / "examples" / name
        self.folder = folder / name
        ignore = shutil.ignore_patterns("data", "files", "generated", "target", "logs")
        shutil.copytree(self.original, self.folder, ignore=ignore)
        programs = folder / "bin"
        programs.mkdir()
        for program, module in ("slate", "-m slate.cli"), ("python", ""):
            script = programs / program
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
            script.chmod(0o755)
        others = {name: value for name, value in os.environ.items() if name[:6] != "SLATE_"}
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**others, "PATH": path, "PYTHONPATH": str(ROOT), "SLATE_CLOCK": clock}

    @property
    def readme(self) -> str:
        return (self.original / "README.md").read_text()

    def commands(self) -> list[str]:
        """The commands of the README, in order, up to the one that publishes."""
        lines = [line for block in _CODE.findall(self.readme) for line in block.splitlines()]
        commands = [line.partition("  #")[0].strip() for line in lines]
        return commands[: commands.index("slate run") + 1]

    def run(self, command: str) -> str:
        """What a command prints; it has to end well."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}"
        return done.stdout
