"""What takes two people, at the page: one asks, another reads and confirms, and both are told how it stands."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.house import Guests, choose, new_name, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


async def queue(page: Page) -> None:
    await page.get_by_role("tab", name="Queue").click()


async def two(guests: Guests) -> tuple[Page, Page, str, str]:
    """An admin and a moderator of all rooms, and their names."""
    ada, mo = new_name(), new_name()
    asks = await guests.staff("admin", ada, everywhere=True)
    confirms = await guests.staff("moderator", mo, everywhere=True)
    await queue(asks)
    await queue(confirms)
    return asks, confirms, ada, mo


async def ask_who(asks: Page, confirms: Page, name: str, text: str) -> Locator:
    """Ask a second person to let one see who wrote a text; what waits of it at their page."""
    await choose(asks, text, f"See who {name} is…")
    await asks.get_by_label("Why do you need to know?").fill("a child may be at risk")
    await asks.get_by_role("button", name="Ask a second person").click()
    return confirms.locator(".pair", has_text=name)


async def test_a_person_is_erased_once_a_second_one_confirms(guests: Guests) -> None:
    asks, confirms, ada, _ = await two(guests)
    name = new_name()
    page, other = await guests.guest(name), await guests.guest()
    await say(page, "something to be forgotten")
    await choose(asks, "something to be forgotten", f"Erase {name} everywhere…")
    dialog = asks.get_by_role("dialog", name=f"Erase {name} everywhere?")
    await expect(dialog).to_contain_text("Nobody can bring it back.")
    await dialog.get_by_label("Why should it be erased?").fill("they wrote to us and asked")
    await dialog.get_by_role("button", name="Ask a second person").click()
    mine = asks.locator(".pair", has_text=name)
    await expect(mine).to_contain_text("A colleague has to confirm it.")
    await expect(mine.get_by_role("button")).to_have_count(0)
    await expect(confirms.locator(".toast", has_text="A colleague asks for a second person.")).to_be_visible()
    waits = confirms.locator(".pair", has_text=name)
    await expect(waits).to_contain_text(f"{ada} asks to erase {name} everywhere.")
    await expect(waits).to_contain_text("they wrote to us and asked")
    await expect(other.locator(".text", has_text="something to be forgotten")).to_be_visible()
    await waits.get_by_role("button", name="Read and decide…").click()
    await confirms.get_by_role("button", name="Erase for good").click()
    for one in (confirms, asks):
        await expect(one.locator(".pair", has_text=name)).to_have_count(0)
    for one in (other, asks):
        await expect(one.locator(".log")).not_to_contain_text("something to be forgotten")


async def test_who_somebody_is_shows_to_whoever_asked_and_nobody_else(guests: Guests) -> None:
    asks, confirms, ada, mo = await two(guests)
    name = new_name()
    page = await guests.guest(name)
    await say(page, "I live by the old harbour")
    waits = await ask_who(asks, confirms, name, "I live by the old harbour")
    await waits.get_by_role("button", name="Read and decide…").click()
    dialog = confirms.get_by_role("dialog", name=f"{ada} asks to see who {name} is.")
    await expect(dialog).to_contain_text("a child may be at risk")
    await dialog.get_by_role("button", name="Let them see it").click()
    await expect(waits).to_have_count(0)
    mine = asks.locator(".pair", has_text=name)
    await expect(mine).to_contain_text(f"{mo} confirmed it")
    await mine.get_by_role("button", name="Open it").click()
    opened = asks.get_by_role("dialog", name=name)
    await expect(opened.locator(".facts")).to_contain_text(name)
    await opened.get_by_role("button", name="Show what they wrote in Open Circle").click()
    await expect(opened).to_contain_text("I live by the old harbour")
    await expect(page.locator("body")).not_to_contain_text("confirm")


async def test_what_waits_is_found_on_the_next_visit(guests: Guests) -> None:
    asks, confirms, _, _ = await two(guests)
    name = new_name()
    page = await guests.guest(name)
    await say(page, "somebody with a request about them")
    waits = await ask_who(asks, confirms, name, "somebody with a request about them")
    await expect(waits).to_be_visible()
    await confirms.reload()
    await confirms.get_by_role("button", name="Open Circle").click()
    await queue(confirms)
    await expect(waits).to_be_visible()


async def test_neither_is_offered_to_those_who_may_not_ask(guests: Guests) -> None:
    name = new_name()
    page, team = await guests.guest(name), await guests.staff("moderator", everywhere=True)
    await say(page, "the trams were late again")
    message = team.locator(".item.message", has_text="the trams were late again")
    await message.hover()
    await message.get_by_role("button", name="More for this message").click()
    await expect(team.get_by_role("menuitem", name=f"Mute {name}…")).to_be_visible()
    await expect(team.get_by_role("menuitem", name=f"Erase {name} everywhere…")).to_have_count(0)
    await expect(team.get_by_role("menuitem", name=f"See who {name} is…")).to_have_count(0)
