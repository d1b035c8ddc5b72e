"""Publishing: a view's rows as a new generation in the store, and its former ones deleted."""
