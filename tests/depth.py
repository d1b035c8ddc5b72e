"""How deep tests go: `make test` as deep as plain faults lie, `make test-all` deeper."""

_thorough = False


def choose(thorough: bool) -> None:
    """Say which it is, before the modules of tests are loaded."""
    global _thorough
    _thorough = thorough


def either(usual: int, thorough: int) -> int:
    """How many of something a test takes: by `make test`, or by `make test-all`."""
    return thorough if _thorough else usual
