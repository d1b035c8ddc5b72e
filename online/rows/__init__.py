"""The bytes of rows: how they are laid out, written, read and merged, without any I/O."""
