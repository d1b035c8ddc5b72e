"""Faults: requests at load while things break, each answer held against what is true."""
