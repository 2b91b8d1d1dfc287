"""The session's store, for these tests."""

from tests.stored import broker, client, people, review, scene, store

__all__ = ["broker", "client", "people", "review", "scene", "store"]
