"""The one exception for a user's mistake: its text is the message that the user reads."""


class InputError(ValueError):
    """Bad input. The one-line message names the file, row or key and what was expected.

    The command line prints the message and exits with status 2, without a traceback.
    """
