"""Events on their way through the stream: what their source takes, and how they are packed."""
