"""All targets of a server by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chat.node.ports import NotSent, Page
from chat.notify.apprise import Apprise
from chat.notify.webhook import Webhook
from chat.settings import Outbound


class _Target(Protocol):
    async def send(self, page: Page) -> None: ...


class Pager:
    """Implements `chat.node.ports.Pager`."""

    def __init__(self, targets: Mapping[str, _Target]) -> None:
        self._by_name = targets

    @property
    def targets(self) -> tuple[str, ...]:
        """All names, in the order of the settings."""
        return tuple(self._by_name)

    async def send(self, target: str, page: Page) -> None:
        """Call one target. Raises NotSent."""
        found = self._by_name.get(target)
        if found is None:
            raise NotSent("no_such_target")
        await found.send(page)


def pager_of(outbound: Outbound) -> Pager:
    """The targets that the settings name."""
    made: dict[str, _Target] = {}
    for target in outbound.targets:
        secret = outbound.secrets[target.name].get_secret_value()
        if target.kind == "apprise":
            made[target.name] = Apprise(secret, timeout=outbound.timeout_seconds)
        else:
            made[target.name] = Webhook(
                target.url, secret, timeout=outbound.timeout_seconds, allow_private=target.allow_private
            )
    return Pager(made)
