"""Hearth: a moderated group chat server for mental-health peer support."""

from typing import Final

__version__: Final = "0.1.0"
