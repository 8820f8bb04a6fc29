"""Cases to run an agent on, and where each came from."""
