"""Hearth: a moderated group chat server for mental-health peer support."""

__version__ = "0.1.0"
