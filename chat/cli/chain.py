"""What `hearth doctor` says of the chain: whether anybody could be called, here and outside."""

from __future__ import annotations

from collections.abc import Iterator

from chat.cli.finding import Finding, ok, warn, wrong
from chat.notify.apprise import is_installed
from chat.settings import Settings
from chat.store.chain import Chain

FEW = 5


def outside(settings: Settings) -> Iterator[Finding]:
    """The ways to call people who are not connected."""
    targets = settings.outbound.targets
    if not targets:
        yield warn(
            "outside",
            "nobody outside is called when nobody here comes",
            "name a target under [outbound], and let people say that they are on call",
        )
        return
    if any(target.kind == "apprise" for target in targets) and not is_installed():
        yield wrong(
            "outside",
            "a target is of kind apprise, which is not installed",
            "pip install 'hearth-chat[notify]'",
        )
    else:
        yield ok("outside", f"{len(targets)} ways to call people outside")


def chain(settings: Settings, found: Chain) -> Iterator[Finding]:
    """Whether a call in each room would reach anybody at all, by what the store knows."""
    if found.unstaffed and not settings.outbound.targets:
        some = ", ".join(found.unstaffed[:FEW]) + (" and others" if len(found.unstaffed) > FEW else "")
        # Before the first person comes there is nobody who could be left alone.
        yield (wrong if found.people else warn)(
            "chain",
            f"nobody would be called in {some}: no staff were ever here or added, and there is no way outside",
            "hearth staff add --role moderator --name NAME, or name a target under [outbound]",
        )
    elif found.rooms:
        yield ok("chain", f"somebody can be called in each of {len(found.rooms)} rooms")
    if found.given_up:
        yield wrong(
            "outside",
            f"{found.given_up} calls outside were given up",
            "see hearth pages list, mend the target, then hearth pages again or dismiss",
        )
