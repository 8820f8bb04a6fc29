"""What a collection of traces is about."""
