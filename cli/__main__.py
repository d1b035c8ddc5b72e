"""`python -m slate.cli`: the same as `slate`."""

from slate.cli.main import main

main()
