"""The delays of New York's flights."""
