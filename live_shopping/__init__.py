"""A live-shopping marketplace on Slate: its definitions, and a simulator of it."""
