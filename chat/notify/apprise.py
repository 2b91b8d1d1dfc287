"""Mail, SMS gateways, chat and push by Apprise, for those who installed the extra `notify`."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec

from chat.node.ports import NotSent, Page
from chat.notify.webhook import body_of


def is_installed() -> bool:
    """Whether the extra is there."""
    return find_spec("apprise") is not None


class Apprise:
    """One target that Apprise reaches; its URL is a secret, since it holds what it signs in with."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout

    async def send(self, page: Page) -> None:
        """Deliver one call. Raises NotSent with one word of why."""
        text = str(json.loads(body_of(page))["text"])
        try:
            async with asyncio.timeout(self._timeout):
                is_sent = await asyncio.to_thread(self._notify, text)
        except TimeoutError:
            raise NotSent("timeout") from None
        except Exception:  # noqa: BLE001 - whatever went wrong there, the call is tried again
            raise NotSent("apprise") from None
        if not is_sent:
            raise NotSent("apprise")

    def _notify(self, text: str) -> bool:
        import apprise  # noqa: PLC0415 - an extra: only who uses it has it

        caller = apprise.Apprise()
        return bool(caller.add(self._url)) and bool(caller.notify(title="Hearth", body=text))
