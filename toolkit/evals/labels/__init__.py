"""What people say of traces: labels with reasons, which traces to read first, codes and failure
modes, and splits.
"""
