"""The base of every error that is somebody's to mend: its text is shown as one line, without a traceback."""


class UserError(Exception):
    """Something is wrong that whoever runs the service can put right; the message names it and the remedy."""
