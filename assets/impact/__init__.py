"""What a change of definitions does once it runs, told before anything does."""
