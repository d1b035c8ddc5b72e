"""What all tests share."""

from hypothesis import settings

# These machines are small and busy: how long an example takes says nothing.
settings.register_profile("slate", deadline=None)
settings.load_profile("slate")
