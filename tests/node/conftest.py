"""The session's store and a node on it, for these tests."""

from tests.stored import broker, client, content, keys_folder, scene, store

__all__ = ["broker", "client", "content", "keys_folder", "scene", "store"]
