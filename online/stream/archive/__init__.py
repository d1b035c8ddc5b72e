"""The archive: all events of a stream as landing files, by hour of arrival."""
