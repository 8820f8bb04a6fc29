"""Words: a number with its noun, as panels and plots write it."""

__all__ = ["quantity"]


def quantity(n: int, noun: str) -> str:
    """The number and its noun, in the singular for one.

    >>> quantity(1, "code"), quantity(2000, "code")
    ('1 code', '2,000 codes')
    """
    if n == 1:
        return f"1 {noun}"
    return f"{n:,} {noun}s"
