"""The errors that a user can mend. The command line tells them in one line; any other error is a
bug of ours.
"""


class FieldbookError(Exception):
    """What a user can mend: a file, an option, a key, a program that is missing. The message says
    how.
    """


class Unavailable(FieldbookError, RuntimeError):
    """A server or a program that is needed does not start, or does not take what it is given."""


class UsageError(FieldbookError, ValueError):
    """An argument or an option that cannot be used as it is given."""


MENDABLE = (FieldbookError, OSError)
"""What a user can mend, or whoever runs the machine. Any other error is a bug of ours."""


def message_for_user(error: Exception) -> str | None:
    """What a user reads of an error, in one line; None where it is a bug.

    It is the class of an error that says nothing, as a TimeoutError often does, and of a group that
    holds no bug the first error.
    """
    if isinstance(error, ExceptionGroup):
        mendable, bugs = error.split(MENDABLE)
        if mendable is None or bugs is not None:
            return None
        return message_for_user(mendable.exceptions[0])
    if not isinstance(error, MENDABLE):
        return None
    return " ".join(str(error).split()) or type(error).__name__
