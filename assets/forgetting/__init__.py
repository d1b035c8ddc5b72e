"""Forgetting entities: their rows found, and taken out, wherever Slate keeps them on disk."""
