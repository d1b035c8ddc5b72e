"""Dead letters: what the stream refused, kept to be looked at and written again."""
