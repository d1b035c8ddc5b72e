"""The proof of effect: what fresh features are worth to a ranking, as measured."""
