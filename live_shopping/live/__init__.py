"""The live demonstration: a crowd acts in the shows, and one viewer's feed follows their taps."""

from live_shopping.live.play import live

__all__ = ["live"]
