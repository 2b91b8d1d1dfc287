"""A copy of all that a store holds, taken while it runs, and a new data directory made of one.

The copy is the snapshot that a replica is given: one moment's data, of an embedded store as of any other,
straight from the server's memory, so that no second copy of what people wrote is left in the directory. One
plain tar file holds `store.rdb`, the token key if it was asked for, and last `manifest.json` with digests.
"""

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from chat.store.address import StoreRefused, ask, connect, dial
from chat.store.checks import SCHEMA, look_at_store
from chat.store.directory import Directory, private, sync_folder
from chat.store.embedded import EmbeddedStore
from chat.store.keys import IDENTITY

FORMAT = 1
SNAPSHOT = "store.rdb"
KEY = "token.key"
MANIFEST = "manifest.json"
MANIFEST_LIMIT = 1 << 16
KEY_LIMIT = 1 << 12
CHUNK = 1 << 18
# While the server makes up its snapshot it sends an empty line now and then.
SILENT_FOR = 60.0
BLOCK = tarfile.BLOCKSIZE
BASE = "appendonly.aof.1.base.rdb"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, and of which store. `at` is in milliseconds."""

    at: int
    server: str
    schema: str
    fingerprint: str
    epoch: str
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def has_key(self) -> bool:
        """Whether the token key is in it."""
        return KEY in self.parts

    @property
    def size(self) -> int:
        """Bytes of all that is in it."""
        return sum(part.size for part in self.parts.values())


async def back_up(url: str, target: Path, *, fingerprint: str = "", key: bytes | None = None) -> Manifest:
    """Write a backup of the running store at `url` to the new file `target`. Raises StoreRefused.

    `fingerprint` is the token key's, where there is one. `key` is that key's file, to go along: whoever holds
    such a backup can sign any token.
    """
    refuse_target(target)
    client = connect(url)
    try:
        server, identity = await look_at_store(client, fingerprint=fingerprint, durable=False)
    finally:
        await client.aclose()
    parts: dict[str, Part] = {}
    manifest = Manifest(
        at=time.time_ns() // 1_000_000,
        server=str(server),
        schema=identity.schema,
        fingerprint=identity.fingerprint,
        epoch=identity.epoch,
        parts=parts,
    )
    try:
        with new_file(target) as file:
            parts[SNAPSHOT] = await _add_snapshot(file, url)
            if key is not None:
                parts[KEY] = _add(file, KEY, key)
            _add(file, MANIFEST, json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1).encode())
            file.write(bytes(BLOCK * 2))
    except FileExistsError as error:
        raise StoreRefused(f"{target} is there already and is not overwritten: name another file") from error
    except OSError as error:
        raise StoreRefused(f"the backup can't be written to {target} ({error.strerror or error})") from error
    return manifest


def refuse_target(target: Path) -> None:
    """Raise StoreRefused where a backup can't be put."""
    if target.exists():
        raise StoreRefused(f"{target} is there already and is not overwritten: name another file")
    if not target.absolute().parent.is_dir():
        raise StoreRefused(f"{target.absolute().parent} is no directory: make it first")


@contextmanager
def new_file(target: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is whole and on disk, and never over another."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.absolute().parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(Path(draft), target)
    finally:
        Path(draft).unlink(missing_ok=True)
    sync_folder(target.absolute().parent)


def _name(draft: Path, target: Path) -> None:
    try:
        os.link(draft, target)
    except OSError as error:
        # A stick's file system knows no links; there a rename has to do.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        if target.exists():
            raise FileExistsError from error
        draft.rename(target)


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(time.time())
    return entry.tobuf(tarfile.GNU_FORMAT)


def _add(file: IO[bytes], name: str, content: bytes) -> Part:
    file.write(_header(name, len(content)) + content + bytes(-len(content) % BLOCK))
    return Part(len(content), hashlib.sha256(content).hexdigest())


async def _add_snapshot(file: IO[bytes], url: str) -> Part:
    """The snapshot's size is known when all of it has come, so that its header is written last."""
    file.write(bytes(BLOCK))
    digest, size = hashlib.sha256(), 0

    def take(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        size += len(piece)
        file.write(piece)

    await take_snapshot(url, take)
    file.write(bytes(-size % BLOCK))
    end = file.tell()
    file.seek(0)
    file.write(_header(SNAPSHOT, size))
    file.seek(end)
    return Part(size, digest.hexdigest())


async def take_snapshot(url: str, take: Callable[[bytes], None]) -> None:
    """Hand one moment's whole data to `take`, piece by piece, as the server sends it to a replica."""
    try:
        reader, writer = await dial(url)
        try:
            await ask(reader, writer, "REPLCONF", "capa", "eof")
            await ask(reader, writer, "REPLCONF", "rdb-only", "1")
            writer.write(b"SYNC\r\n")
            await _read_snapshot(reader, take)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, EOFError, TimeoutError) as error:
        raise StoreRefused(f"the store broke off while it was copied ({type(error).__name__})") from error


async def _read_snapshot(reader: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    line = b"\n"
    while line == b"\n":
        async with asyncio.timeout(SILENT_FOR):
            line = await reader.readline()
    if line.startswith(b"$EOF:"):
        # Sent from memory, its size unknown beforehand: it ends with this mark.
        mark = line[5:].strip()
        held = b""
        while not held.endswith(mark):
            held += await _piece(reader, CHUNK)
            take(held[: -len(mark)])
            held = held[-len(mark) :]
    elif line.startswith(b"$"):
        left = int(line[1:])
        while left:
            piece = await _piece(reader, min(left, CHUNK))
            take(piece)
            left -= len(piece)
    else:
        word = line.decode("utf-8", "replace").lstrip("-").partition(" ")[0].strip() or "no answer"
        raise StoreRefused(f"the store refuses to be copied ({word}): its user needs the command SYNC")


async def _piece(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(SILENT_FOR):
        piece = await reader.read(size)
    if not piece:
        raise EOFError
    return piece


def read_manifest(archive: Path) -> Manifest:
    """What a backup says of itself, every digest in it compared. Raises StoreRefused."""
    try:
        with tarfile.open(archive, "r:") as tar:
            manifest = _manifest(_member(tar, MANIFEST, MANIFEST_LIMIT).read())
            for name, part in manifest.parts.items():
                digest = hashlib.sha256()
                with _member(tar, name, part.size) as file:
                    while piece := file.read(CHUNK):
                        digest.update(piece)
                if digest.hexdigest() != part.sha256:
                    raise StoreRefused(f"{archive} is damaged: {name} is not what was written; take another")
    except OSError as error:
        raise StoreRefused(f"{archive} can't be read ({error.strerror or type(error).__name__})") from error
    except (tarfile.TarError, ValueError, KeyError, TypeError, EOFError) as error:
        raise StoreRefused(f"{archive} is no whole backup ({type(error).__name__}); take another") from error
    return manifest


def read_key(archive: Path) -> bytes:
    """The token key's file in a backup that has one."""
    with tarfile.open(archive, "r:") as tar, _member(tar, KEY, KEY_LIMIT) as file:
        return file.read()


def _manifest(content: bytes) -> Manifest:
    fields = json.loads(content)
    if fields.pop("format") != FORMAT:
        raise StoreRefused("the backup was made by a newer Hearth: restore it with that version")
    parts = {name: Part(**part) for name, part in fields.pop("parts").items()}
    if SNAPSHOT not in parts or parts.keys() - {SNAPSHOT, KEY}:
        raise ValueError
    return Manifest(**fields, parts=parts)


def _member(tar: tarfile.TarFile, name: str, limit: int) -> IO[bytes]:
    """One plain file by its name; nothing is ever unpacked by the names that an archive gives."""
    entry = tar.getmember(name)
    file = tar.extractfile(entry) if entry.isreg() and entry.size <= limit else None
    if file is None:
        raise ValueError(name)
    return file


def refuse_restore(manifest: Manifest, data: Path) -> str | None:
    """Why a backup can't go into this directory, or None: it must be empty, but for a token key."""
    if manifest.schema.isdecimal() and int(manifest.schema) > SCHEMA:
        return (
            f"the backup was written by a newer Hearth (schema {manifest.schema}; this one knows {SCHEMA}):"
            " restore it with that version"
        )
    if not data.exists():
        return None
    if not data.is_dir():
        return f"{data} is no directory: name an empty one"
    if others := sorted(file.name for file in data.iterdir() if file.name != KEY):
        return f"{data} is not empty (it has {others[0]}) and is not overwritten: name an empty directory"
    if manifest.has_key and (data / KEY).exists():
        return f"{data} has a {KEY} and so has the backup: move the one away that you don't want"
    return None


async def restore(
    archive: Path, data: Path, *, forget_key: bool = False, server: str | Path | None = None
) -> str:
    """Make a data directory of a backup and return its new epoch. Raises StoreRefused, leaving nothing.

    The epoch is new because clients may have seen more than the backup holds. `forget_key` lets the next
    token key take the store over.
    """
    manifest = read_manifest(archive)
    if why := refuse_restore(manifest, data):
        raise StoreRefused(why)
    directory = Directory(data)
    was_there = directory.is_there
    directory.create()
    try:
        _unpack(archive, manifest, directory)
        async with EmbeddedStore(data, server=server, brief=True) as store:
            if forget_key:
                await _forget_key(store.url)
            return store.epoch
    except BaseException as error:
        _undo(directory, keep=was_there, key=manifest.has_key)
        if isinstance(error, OSError):
            raise StoreRefused(
                f"{data} can't be written ({error.strerror or type(error).__name__})"
            ) from error
        if isinstance(error, StoreRefused):
            raise StoreRefused(
                f"the backup, made by {manifest.server}, does not load here: {error}"
            ) from error
        raise


def _unpack(archive: Path, manifest: Manifest, directory: Directory) -> None:
    """Lay the snapshot out as a log that holds it and nothing after it."""
    logs = directory.folder / "appendonlydir"
    logs.mkdir(mode=0o700)
    targets = {SNAPSHOT: logs / BASE, KEY: directory.root / KEY}
    with tarfile.open(archive, "r:") as tar:
        for name, part in manifest.parts.items():
            with _member(tar, name, part.size) as source, open(targets[name], "xb", opener=private) as file:
                shutil.copyfileobj(source, file, CHUNK)
                file.flush()
                os.fsync(file.fileno())
    with open(logs / "appendonly.aof.manifest", "x", encoding="ascii", opener=private) as file:
        file.write(f"file {BASE} seq 1 type b\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(logs)


async def _forget_key(url: str) -> None:
    client = connect(url)
    try:
        await client.hdel(IDENTITY, "fingerprint")
    finally:
        await client.aclose()


def _undo(directory: Directory, *, keep: bool, key: bool) -> None:
    """Leave the directory as it was found."""
    if not keep:
        shutil.rmtree(directory.root, ignore_errors=True)
        return
    for entry in directory.root.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != KEY or key:
            entry.unlink(missing_ok=True)
