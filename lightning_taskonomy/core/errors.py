"""The one exception for a user's mistake: its text is the line the user reads."""


class InputError(ValueError):
    """Bad input, said in one line that names the file, row or key and what was expected.

    The command line prints the text and exits with status 2; no traceback is shown.
    """
