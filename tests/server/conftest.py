"""The session's store, and what a server on it needs, for these tests."""

from tests.stored import broker, client, content, keys_folder, scene, store

__all__ = ["broker", "client", "content", "keys_folder", "scene", "store"]
