"""The command line: one module for each command, with `register(commands)` to add it to the program.

A module's imports are its own: `chat.cli.main` loads only the one that was asked for.
"""


class CommandError(Exception):
    """What was asked for cannot be done. Its text says why and what would help; it is all that is printed."""
