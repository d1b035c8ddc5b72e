"""`slate stubs`: a module of the services with their types."""

import sys
from argparse import Namespace
from pathlib import Path

from slate.compile.stubs import stubs
from slate.deployment import load
from slate.errors import ConfigurationError


def run(options: Namespace) -> int:
    """Write the module, or with ``--check`` only look whether it is up to date."""
    deployment = load()
    text = stubs(deployment.name, deployment.registry)
    if options.out is None:
        if options.check:
            raise ConfigurationError("--check looks at a file: say which with --out FILE")
        print(text, end="")
        return 0
    path = Path(options.out)
    try:
        held = path.read_text(encoding="utf-8") if path.exists() else None
        if held == text:
            return 0
        if options.check:
            raise ConfigurationError(
                f"{path} is not what the definitions stand for: run `slate stubs --out {path}`"
            )
        path.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read or written ({error})") from error
    print(f"wrote {path}", file=sys.stderr)
    return 0
