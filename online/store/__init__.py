"""The store: where it is, how it is spoken to, what lies in it under which name."""
