"""A real server for the page to talk to, and the people who come to it in Chromium."""

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
INSTALL = "the page is tested in Chromium, which is missing here: apt-get install chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = (
    "Blue Heron",
    "Quiet Fern",
    "Grey Otter",
    "Soft Rain",
    "Tall Pine",
    "Warm Stone",
    "Late Robin",
    "Slow River",
)
SETTINGS = {"HEARTH_LIMITS__RATE_SECONDS": "0"}
"""How fast people may write is tested elsewhere."""
PATIENCE = 15_000
"""Milliseconds that the page is given to show something; the machine may be busy."""

expect.set_options(timeout=PATIENCE)
_numbers = itertools.count(1)


def find_chromium() -> str | None:
    """Where Debian, or whoever packaged it, put Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def new_name() -> str:
    """A name that nobody in this run has."""
    number = next(_numbers)
    return f"{NAMES[number % len(NAMES)]} {number}"


@dataclass
class House:
    """One `serve` process on its own data, stopped and started again at the same port."""

    data: Path
    port: int
    config: Path
    _running: asyncio.subprocess.Process | None = None
    _invites: dict[str, str] = field(default_factory=dict)

    @classmethod
    def on(cls, data: Path, **rooms: str) -> "House":
        """A house that is not open yet, at a free port; with some of what its rooms have in common changed."""
        config = ROOT / "config"
        if rooms:
            config = shutil.copytree(config, data.with_name(f"{data.name}-config"))
            path = config / "rooms.toml"
            for name, value in rooms.items():
                text, changed = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", path.read_text(), count=1)
                assert changed, f"rooms have no {name}"
                path.write_text(text)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return cls(data, probe.getsockname()[1], config)

    @property
    def _place(self) -> list[str]:
        return ["--data", str(self.data), "--config", str(self.config)]

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Open, and wait until people can come in."""
        log = self.data / "serve.log"
        self.data.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "chat", "serve", *self._place, "--port", str(self.port)]
        with log.open("wb") as out:
            self._running = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdout=out, stderr=out, env=os.environ | SETTINGS
            )
        process = self._running

        def is_ready() -> bool:
            assert process.returncode is None, log.read_text()
            return "serve.ready" in log.read_text()

        await wait_until(is_ready, timeout=30)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Close, and wait until it is gone."""
        if self._running is not None and self._running.returncode is None:
            self._running.send_signal(how)
            await self._running.wait()
        self._running = None

    def forget_log(self) -> None:
        """Lose all that the store kept, as a broken disk would; the token key stays."""
        for path in self.data.glob("store*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    async def _ask(self, *words: str) -> str:
        command = [sys.executable, "-m", "chat", *words, *self._place]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()

    async def invite(self, room: str) -> str:
        """A code for a room, the same one for all who ask."""
        if room not in self._invites:
            found = re.search(r"#invite=(\S+)", await self._ask("invite", room, "--uses", "0"))
            assert found
            self._invites[room] = found[1]
        return self._invites[room]

    async def close(self, room: str) -> None:
        """End a room, as its operator."""
        await self._ask("room", "close", room)

    async def open(self, room: str) -> None:
        """Open it again."""
        await self._ask("room", "add", room)

    async def make_staff(self, page: Page, role: str, room: str) -> None:
        """Give the person of a page a role in a room while they are there."""
        token = await page.evaluate('sessionStorage.getItem("hearth.token")')
        body = token.split(".")[1]
        user = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"]
        await self._ask("staff", "add", "--role", role, "--user", user, "--room", room)

    async def token(self, role: str, name: str, room: str | None) -> str:
        """A sign-in for staff of one room, or of all."""
        where = ["--room", room] if room else []
        return (await self._ask("token", "--role", role, "--name", name, *where)).strip()


@dataclass
class Guests:
    """Everybody who is in the browser during one test; what their pages complained about ends it."""

    browser: Browser
    house: House
    problems: list[str] = field(default_factory=list)
    _open: list[BrowserContext] = field(default_factory=list)

    async def page(
        self, *, width: int = 1280, height: int = 800, scheme: str = "light", still: bool = True
    ) -> Page:
        """A page of its own, as on a device of its own."""
        dark = scheme == "dark"
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
        )
        self._open.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        page.on("console", self._heard)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        """A lost line is part of life; anything else that the console calls an error is ours."""
        if message.type == "error" and "WebSocket" not in message.text:
            self.problems.append(message.text)

    async def guest(self, name: str | None = None, *, room: str = "open-circle", width: int = 1280) -> Page:
        """Somebody who came in by an invitation."""
        page = await self.page(width=width)
        await page.goto(f"{self.house.url}#invite={await self.house.invite(room)}")
        await page.get_by_label("What shall we call you?").fill(name or new_name())
        await page.get_by_role("button", name="Come in").click()
        await self._come_in(page, room)
        return page

    async def staff(
        self, role: str, name: str | None = None, *, room: str = "open-circle", everywhere: bool = False
    ) -> Page:
        """Somebody who signed in by a link and looks after one room, or all; in that room."""
        page = await self.page()
        token = await self.house.token(role, name or new_name(), None if everywhere else room)
        await page.goto(f"{self.house.url}#token={token}")
        if everywhere:
            await page.get_by_role("button", name=room.replace("-", " ")).click()
        await self._come_in(page, room)
        return page

    async def _come_in(self, page: Page, room: str) -> None:
        if room == "evening-circle":  # the example room with an agreement
            await page.get_by_role("button", name="I agree").click()
        await expect(page.get_by_label("Write to the group")).to_be_visible()

    async def leave(self) -> None:
        """All go; nothing may have gone wrong in any of their pages."""
        for context in self._open:
            await context.close()
        assert not self.problems


async def say(page: Page, text: str) -> None:
    """Write to the group as a person does: type, press Enter."""
    await page.get_by_label("Write to the group").fill(text)
    await page.get_by_label("Write to the group").press("Enter")


async def choose(page: Page, text: str, choice: str) -> None:
    """One entry of the menu of the message that says `text`."""
    message = page.locator(".item.message", has_text=text)
    await message.hover()
    await message.get_by_role("button", name="More for this message").click()
    await page.get_by_role("menuitem", name=choice).click()


def is_required() -> bool:
    """Where a missing browser is a failure and not a reason to skip."""
    return bool(os.environ.get("CI"))
