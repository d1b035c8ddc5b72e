"""Features served over HTTP: what `slate serve` runs. `slate.online.remote` is a client of it."""
