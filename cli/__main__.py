"""`python -m cli`: the same as `slate`."""

from cli.main import main

main()
