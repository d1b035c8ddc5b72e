"""Serving: a service's features, found and computed in milliseconds."""
