"""The errors that a user can mend. The command line tells them in one line; any other error is a bug of ours."""


class FieldbookError(Exception):
    """What a user can mend: a file, an option, a key, a program that is missing. The message says how."""


class UsageError(FieldbookError, ValueError):
    """An argument or an option that cannot be used as it is given."""
