"""The composition root: what runs, when, and with what."""
