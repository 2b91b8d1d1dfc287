"""A client for Python programs: bots, load generators, tests.

async with Client("ws://127.0.0.1:8765/ws", token) as client:
events = client.events()
await client.join("open-circle")
await client.post("open-circle", "Hello, everyone.")
async for event in events:
print(event["type"])
"""

from chat.client.client import Client, CommandError, Ended, Lost, new_key
from chat.client.coding import Frame
from chat.client.events import Events, Lagged

__all__ = ["Client", "CommandError", "Ended", "Events", "Frame", "Lagged", "Lost", "new_key"]
