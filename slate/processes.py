"""Whether a process of this machine is still there."""

import os


def is_there(process: int) -> bool:
    """Whether there is a process of this number, also one that ended and nobody has waited for."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Somebody else's.
        return True
    return True
