"""A TCP proxy between a node and its store that loses bytes on order: LISTEN_PORT TARGET_PORT CONTROL_PORT.

Control takes one line a connection: `deafen PORT...` swallows from now on all that the target sends to
the proxy's connections from those local ports, and keeps them open; `pass` ends every fault. The answer is
one line.
"""

import asyncio
import contextlib
import sys

HOST = "127.0.0.1"
deaf: set[int] = set()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry one direction; `port` is 0 for what goes to the target."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            if port not in deaf:
                writer.write(data)
                await writer.drain()
    writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    there, away = await asyncio.open_connection(HOST, int(sys.argv[2]))
    port = away.get_extra_info("sockname")[1]
    await asyncio.gather(pump(reader, away, 0), pump(there, writer, port))


async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One order."""
    command, *ports = (await reader.readline()).decode().split()
    deaf.update(map(int, ports)) if command == "deafen" else deaf.clear()
    writer.write(b"ok\n")
    await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until killed."""
    await asyncio.start_server(carry, HOST, int(sys.argv[1]))
    await asyncio.start_server(obey, HOST, int(sys.argv[3]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
