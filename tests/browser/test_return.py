"""Away and back: the line drops, the server restarts, and nothing is lost or said twice."""

import signal

import pytest
from playwright.async_api import expect

from tests.browser.house import Guests, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_brings_everyone_back_with_what_they_wrote_meanwhile(
    own_house: Guests, how: signal.Signals
) -> None:
    one, other = await own_house.guest(), await own_house.guest()
    await say(one, "before the break")
    await expect(other.locator(".text", has_text="before the break")).to_be_visible()
    await own_house.house.stop(how)
    await expect(one.locator("#line")).to_contain_text("The connection was lost")
    await say(one, "written while away")
    await expect(one.locator(".item.unsent")).to_contain_text("It will go out by itself")
    await own_house.house.start()
    await expect(one.locator(".item.message .text")).to_have_text(
        ["before the break", "written while away"], timeout=60_000
    )
    await expect(other.locator(".item.message .text")).to_have_text(
        ["before the break", "written while away"], timeout=60_000
    )
    await expect(one.locator(".item.unsent")).to_have_count(0)
    await expect(one.locator("#line")).to_be_hidden()


async def test_what_was_missed_is_told_and_marked(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await say(one, "see you in a minute")
    await expect(other.locator(".text", has_text="see you in a minute")).to_be_visible()
    await one.context.set_offline(offline=True)
    await expect(one.locator("#line")).to_contain_text("The connection was lost", timeout=60_000)
    await say(other, "we are still here")
    await say(other, "take your time")
    await one.context.set_offline(offline=False)
    await expect(one.get_by_text("You're back. 2 messages came while you were away.")).to_be_visible(
        timeout=60_000
    )
    await expect(one.locator(".item.away")).to_be_visible()
    texts = one.locator(".item.message .text")
    await expect(texts.filter(has_text="take your time")).to_have_count(1)


async def test_a_lost_place_is_said_with_its_reason(own_house: Guests) -> None:
    page = await own_house.guest()
    await say(page, "a word from the old days")
    await expect(page.locator(".item.message")).to_have_count(1)
    await own_house.house.stop()
    own_house.house.forget_log()
    await own_house.house.start()
    await expect(page.get_by_text("You see the latest.")).to_be_visible(timeout=60_000)


async def test_a_sign_in_that_is_over_asks_for_a_new_link(guests: Guests) -> None:
    page = await guests.page()
    await page.goto(f"{guests.house.url}#token=not.a.token")
    await expect(page.get_by_role("heading", name="You need an invitation to come in")).to_be_visible()
    await expect(page.locator(".notice")).to_contain_text("link")
    assert await page.evaluate("sessionStorage.length") == 0
