"""What previews are called, and where their data and online keys lie by that.

A preview is a deployment beside production: the same slate.toml, with a data folder and online keys
of its own. Its keys begin with a name that no deployment can have, so they are nobody else's.
"""

import re
from pathlib import Path

from slate.errors import ConfigurationError

LONGEST = 30
_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}")
_FOLDER = "env"
# The name of a deployment has none.
_MARK = "@"
# Who names this one, as other tools' variables do, means no preview.
_PRODUCTION = ("prod", "production")


def require_preview_name(name: str, where: str) -> None:
    """Refuse what previews cannot be called.

    Args:
        name: the name.
        where: who says it, for the error.

    Raises:
        ConfigurationError: it is not such a name.
    """
    if name in _PRODUCTION:
        raise ConfigurationError(
            f"{where}: {name!r} is no preview: leave the name out, or SLATE_ENV empty, for "
            "production itself"
        )
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: {name!r} is not a name that a preview can have: use up to {LONGEST} small "
            "letters, digits, '_' and '-', as in 'review-42'"
        )


def is_preview_name(name: str) -> bool:
    """Whether a preview can be called so."""
    return bool(_NAME.fullmatch(name)) and name not in _PRODUCTION


def preview_name(deployment: str, env: str) -> str:
    """What a preview's names in the online store begin with.

    Examples:
        >>> preview_name("my_shop", "review")
        'my_shop@review'
    """
    return f"{deployment}{_MARK}{env}"


def preview_folder(data: Path, env: str) -> Path:
    """A preview's data folder, below that of production."""
    return previews_folder(data) / env


def previews_folder(data: Path) -> Path:
    """The folder of all previews' data folders, below that of production."""
    return data / _FOLDER
