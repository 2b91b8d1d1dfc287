"""The embedded store's data directory: who holds it, and what must be known of it after a crash."""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from chat.store.address import StoreRefused

BOOT = Path("/proc/sys/kernel/random/boot_id")
LOG_LIMIT = 1 << 20
# What the server (Redis 7.0 to Valkey 9.1) says last, once its log is synced.
GOODBYE = b"is now ready to exit, bye bye..."


@dataclass(frozen=True, slots=True)
class Running:
    """A store that is up: its socket and epoch, and who runs it. `brief`: for one command only."""

    socket: str
    epoch: str
    node: int
    store: int
    brief: bool

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"


@dataclass(frozen=True, slots=True)
class Account:
    """How the last run wrote and ended. `doubt`: something may be lost, and no new epoch has told it yet."""

    boot: str
    fsync: str
    clean: bool
    doubt: bool

    def kept_all(self, boot: str, *, said_goodbye: bool) -> bool:
        """Whether all that was acknowledged then is on disk now.

        Without `always` the server may answer before it writes, so that its own death can cost something. A
        killed node could not note that its store ended well; the server's last words, of this boot, say so.
        """
        ended_well = self.clean or (said_goodbye and boot != "" and self.boot == boot)
        return not self.doubt and (self.fsync == "always" or ended_well)


def boot() -> str:
    """The machine's present boot, as a word; empty where the system tells none."""
    with contextlib.suppress(OSError):
        return BOOT.read_text("ascii").strip()
    if sys.platform == "darwin":
        size = ctypes.c_size_t(64)
        word = ctypes.create_string_buffer(size.value)
        if ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", word, ctypes.byref(size), None, 0) == 0:
            return word.value.decode("ascii")
    return ""


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs; one that has ended and awaits its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1]
        return state not in ([b"Z"], [b"X"])
    return True


class Directory:
    """The files in and beside which the embedded store works.

    `store/` is the server's own; `store.lock` is held as long as either process lives; `store.json` tells
    where a running store is; `store.account` and `store.mark` outlive a crash; `store.log` is the server's.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.folder = self.root / "store"
        self.log = self.root / "store.log"
        self._lock = self.root / "store.lock"
        self._running = self.root / "store.json"
        self._account = self.root / "store.account"
        self._mark = self.root / "store.mark"
        self._logs = self.folder / "appendonlydir"

    @property
    def is_there(self) -> bool:
        """Whether the directory exists."""
        return self.root.is_dir()

    def create(self) -> None:
        """Make what is missing, for the owner's eyes only. Raises StoreRefused."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreRefused(f"the data directory {self.root} can't be made ({error.strerror})") from error

    # Who holds it.

    async def lock(self, *, brief: bool, within: float = 10.0) -> int:
        """Take the directory and return the descriptor that holds it. Raises StoreRefused, naming the holder.

        A holder that is about to go (a short command, or a store whose node was killed) is waited for.
        """
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreRefused(f"the data directory {self.root} is read-only ({error.strerror})") from error
        deadline = time.monotonic() + within
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder, passing = self._holder(descriptor)
                if not passing or time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise StoreRefused(
                        f"the data directory {self.root} is in use by process {holder or '(unknown)'}:"
                        " stop that one first, or choose another --data"
                    ) from None
                await asyncio.sleep(0.02)
            except OSError as error:
                os.close(descriptor)
                raise StoreRefused(
                    f"the data directory {self.root} has no locks ({error.strerror}): put it on a local disk"
                ) from error
            else:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()} {'brief' if brief else 'serve'}\n".encode(), 0)
                return descriptor

    def _holder(self, descriptor: int) -> tuple[int, bool]:
        """The holder's process, and whether it is about to let go."""
        words = os.pread(descriptor, 64, 0).decode("ascii", "replace").split()
        if len(words) != 2 or not words[0].isdecimal():
            return 0, True
        node = int(words[0])
        if is_alive(node):
            return node, words[1] == "brief"
        # The node is gone and its store still holds the lock: the one to name is the store.
        running = self.running()
        return (running.store if running else node), True

    def running(self) -> Running | None:
        """What the directory says of a running store; it may be gone since."""
        try:
            return Running(**json.loads(self._running.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def tell(self, running: Running | None) -> None:
        """Say where the store is, or that there is none."""
        if running is None:
            self._running.unlink(missing_ok=True)
        else:
            self._write(self._running, json.dumps(asdict(running)))

    # What must outlive a crash.

    def account(self) -> Account | None:
        """How the last run wrote and ended, if it is known."""
        try:
            return Account(**json.loads(self._account.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, *, fsync: str) -> bool:
        """Note a new run; True where something may be lost since the last. The doubt stays until settled."""
        now = boot()
        last = self.account()
        kept = last is not None and last.kept_all(now, said_goodbye=self._said_goodbye())
        doubt = self._has_log() and (not kept or self._is_shorter())
        self._note(Account(boot=now, fsync=fsync, clean=False, doubt=doubt))
        return doubt

    def doubt(self) -> None:
        """Note, before it happens, that the end of the log will be given up."""
        if account := self.account():
            self._note(replace(account, doubt=True))

    def settle(self) -> None:
        """Note that the epoch is written: what may be lost is told."""
        self.mark()
        if account := self.account():
            self._note(replace(account, doubt=False))

    def close(self) -> None:
        """Note that the store has ended in good order, everything written out."""
        self.mark()
        if account := self.account():
            self._note(replace(account, clean=True))

    def mark(self) -> None:
        """Note how long the log is, so that one which comes back shorter is seen even if cut between entries.

        Not synced: it guards against a disk, a copy or a hand, not against the crash that `always` covers.
        """
        tail = self._tail()
        if tail is None:
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self._mark, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(descriptor, f"{tail[0]:12d} {tail[1]:20d}\n".encode(), 0)
            finally:
                os.close(descriptor)

    def _is_shorter(self) -> bool:
        try:
            words = self._mark.read_text("ascii").split()
            number, size = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):
            return False
        tail = self._tail()
        return tail is None or tail[0] < number or (tail[0] == number and tail[1] < size)

    def _tail(self) -> tuple[int, int] | None:
        """Number and size of the log file that is being written."""
        newest: tuple[int, int] | None = None
        with contextlib.suppress(OSError), os.scandir(self._logs) as entries:
            for entry in entries:
                words = entry.name.split(".")
                if words[-2:] != ["incr", "aof"] or not words[-3].isdecimal():
                    continue
                number = int(words[-3])
                if newest is None or number > newest[0]:
                    newest = number, entry.stat().st_size
        return newest

    def _has_log(self) -> bool:
        with contextlib.suppress(OSError):
            return any(self._logs.iterdir())
        return False

    def _note(self, account: Account) -> None:
        self._write(self._account, json.dumps(asdict(account)), durable=True)

    def _write(self, path: Path, text: str, *, durable: bool = False) -> None:
        """Replace a small file whole; `durable`: it is on disk when this returns."""
        draft = path.with_name(path.name + ".new")
        with open(draft, "w", encoding="utf-8", opener=private) as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        draft.replace(path)
        if durable:
            sync_folder(path.parent)

    # The server's own words.

    def open_log(self) -> tuple[int, int]:
        """A descriptor to append to the server's log, and where what follows begins."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT:
                self.log.replace(self.log.with_name("store.log.old"))
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return descriptor, os.fstat(descriptor).st_size

    def _said_goodbye(self) -> bool:
        """Whether the server's last words are those of a good end."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 256))
            return file.read().rstrip().endswith(GOODBYE)
        return False

    def log_since(self, offset: int) -> str:
        """What the server said since then."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(offset)
            return file.read(1 << 16).decode("utf-8", "replace")
        return ""


def private(path: str, flags: int) -> int:
    """An opener whose new files only their owner reads."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder outlast a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
