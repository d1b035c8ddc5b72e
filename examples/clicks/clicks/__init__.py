"""The clicks of a small shop."""
