"""`python -m cli`: the same as `slate`."""

from .main import main

main()
