"""The catalogue: a static site of all definitions, and of what is known of what they describe."""
