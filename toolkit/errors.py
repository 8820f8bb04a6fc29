"""The errors that a user can mend. The command line tells them in one line; any other error is a
bug of ours.
"""


class FieldbookError(Exception):
    """What a user can mend: a file, an option, a key, a program that is missing. The message says
    how.
    """


class Unavailable(FieldbookError, RuntimeError):
    """A server or a program that is needed, and does not start or does not take what it is
    given.
    """


class UsageError(FieldbookError, ValueError):
    """An argument or an option that cannot be used as it is given."""
