"""Locks: what each version of a service promised to the models that were trained on it."""
