"""What the library refuses, and how it says so."""


class Refusal(ValueError):
    """Bad input: what is wrong, why, what was got, and the remedy, in one line.

    The command line prints the message by itself and exits with status 2.
    """
