"""Writing events to a source's stream."""
