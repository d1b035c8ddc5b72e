"""What Slate costs: benchmarks that print what they measured."""
