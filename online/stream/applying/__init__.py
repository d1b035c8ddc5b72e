"""Applying events to the rows that the stream keeps, and keeping only those that are needed."""
