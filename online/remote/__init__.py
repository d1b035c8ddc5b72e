"""Features asked of a server: what `slate serve` serves, as if it were in this process."""
