"""The session's store, for these tests."""

from tests.stored import broker, client, keys_folder, people, review, scene, store

__all__ = ["broker", "client", "keys_folder", "people", "review", "scene", "store"]
