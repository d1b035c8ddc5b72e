"""Near views: rows of the online store kept decoded in the process that serves them."""
