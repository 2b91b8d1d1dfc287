"""For everyone: keyboard alone, screen readers, small screens, both colour schemes."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.house import Guests, new_name, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


async def check(page: Page) -> None:
    """No violation that axe can find."""
    found = await Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()


async def has_sideways_scroll(page: Page) -> bool:
    return bool(
        await page.evaluate(
            "document.documentElement.scrollWidth > innerWidth || document.body.scrollWidth > innerWidth"
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_the_way_in_or_in_the_room(guests: Guests, scheme: str) -> None:
    page = await guests.page(scheme=scheme)
    await page.goto(guests.house.url)
    await check(page)
    await page.goto(f"{guests.house.url}#invite={await guests.house.invite('evening-circle')}")
    await page.reload()
    await page.goto("about:blank")
    await page.goto(f"{guests.house.url}#invite={await guests.house.invite('evening-circle')}")
    await check(page)
    await page.get_by_label("What shall we call you?").fill(new_name())
    await page.get_by_role("button", name="Come in").click()
    await expect(page.get_by_role("button", name="I agree")).to_be_visible()
    await check(page)
    await page.get_by_role("button", name="I agree").click()
    await expect(page.get_by_label("Write to the group")).to_be_visible()
    await say(page, "Good evening")
    await say(page, "I want to kill myself. I can't see any other way.")
    await expect(page.get_by_role("region", name="Support, for you alone")).to_be_visible()
    await check(page)
    await page.get_by_role("button", name="Support").click()
    await check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_the_queue(guests: Guests, scheme: str) -> None:
    name = new_name()
    team, page = await guests.staff("moderator"), await guests.guest(name)
    await team.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await say(page, "You are pathetic, just go kill yourself")
    await team.get_by_role("tab", name="Queue").click()
    flag = team.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await flag.get_by_role("button", name="Show the text").click()
    await expect(flag.get_by_text("Yours for another")).to_be_visible()
    await check(team)
    await team.set_viewport_size({"width": 390, "height": 844})
    await team.get_by_text("Choose what you see").click()
    await check(team)
    assert not await too_small(team)
    assert not await has_sideways_scroll(team)
    await flag.get_by_role("button", name="More for this flag").click()
    await check(team)
    assert not await too_small(team)
    await team.keyboard.press("Escape")
    await expect(flag.get_by_role("button", name="More for this flag")).to_be_focused()


async def test_one_can_come_in_and_talk_by_keyboard_alone(guests: Guests) -> None:
    other = await guests.guest()
    page = await guests.page()
    await page.goto(f"{guests.house.url}#invite={await guests.house.invite('open-circle')}")
    await expect(page.get_by_role("heading", name="Come in when you're ready")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.type(new_name())
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Write to the group")).to_be_focused()
    await page.keyboard.type("one line")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("and another")
    await page.keyboard.press("Enter")
    await expect(other.locator(".text", has_text="and another")).to_have_text("one line\nand another")
    await expect(page.get_by_label("Write to the group")).to_be_focused()


async def test_a_message_is_walked_to_and_acted_on_by_keyboard_alone(guests: Guests) -> None:
    page, other = await guests.guest(), await guests.guest()
    await say(other, "walk to me")
    await expect(page.locator(".text", has_text="walk to me")).to_be_visible()
    await page.get_by_role("button", name="More for this message").last.focus()
    await page.keyboard.press("ArrowDown")
    message = page.locator(".item.message", has_text="walk to me").last
    await message.focus()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowDown")
    await expect(message).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="Reply")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await message.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator(".chip")).to_contain_text("Replying to")
    await expect(page.get_by_label("Write to the group")).to_be_focused()


async def test_a_small_screen_never_scrolls_sideways(guests: Guests) -> None:
    page = await guests.page(width=320, height=600)
    await page.goto(f"{guests.house.url}#invite={await guests.house.invite('evening-circle')}")
    await expect(page.get_by_label("What shall we call you?")).to_be_visible()
    assert not await has_sideways_scroll(page)
    await page.get_by_label("What shall we call you?").fill(new_name())
    await page.get_by_role("button", name="Come in").click()
    await expect(page.get_by_role("button", name="I agree")).to_be_visible()
    assert not await has_sideways_scroll(page)
    await page.get_by_role("button", name="I agree").click()
    await say(page, "https" + "x" * 200)
    await say(page, "I want to kill myself. I can't see any other way.")
    await expect(page.get_by_role("region", name="Support, for you alone")).to_be_visible()
    assert not await has_sideways_scroll(page)
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("menuitem", name="People").click()
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    assert not await has_sideways_scroll(page)
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Write to the group")).to_be_visible()


async def too_small(page: Page) -> list[str]:
    """What can be pressed and is smaller than a fingertip, by its words and size."""
    found: list[str] = await page.evaluate("""() => {
      const top = document.querySelector("dialog[open]") ?? document.querySelector(".menu") ?? document.body;
      return [...top.querySelectorAll("button, a[href], select, summary, input[type=text], textarea")]
        .filter((node) => node.checkVisibility() && !node.closest(".skip, .heard, [inert]"))
        .map((node) => [node, node.getBoundingClientRect()])
        .filter(([, box]) => box.height < 44 || box.width < 44)
        .map(([node, box]) => `${node.textContent || node.ariaLabel} ${box.width} x ${box.height}`);
    }""")
    return found


async def test_on_a_small_screen_all_that_is_pressed_is_as_large_as_a_fingertip(own_house: Guests) -> None:
    name = new_name()
    team, page = await own_house.staff("moderator"), await own_house.guest(name, width=390)
    await team.set_viewport_size({"width": 390, "height": 844})
    await say(page, "Two steps today")
    message = team.locator(".item.message", has_text="Two steps today")
    await message.get_by_role("button", name="More for this message").click()
    assert not await too_small(team)
    await team.get_by_role("menuitem", name="Pin for everyone").click()
    await say(page, "You are pitiful, just go kill yourself")
    await say(page, "I want to kill myself. I can't see any other way.")
    await expect(page.get_by_role("region", name="Support, for you alone")).to_be_visible()
    await expect(page.locator(".item.held").first).to_be_visible()
    assert not await too_small(page)
    await page.get_by_role("button", name="Support").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert not await too_small(page)
    assert not await page.evaluate(
        "[document.querySelector('dialog')].some((one) => one.scrollWidth > one.clientWidth)"
    )


async def test_leaving_is_in_reach_over_a_panel_and_in_the_dialog_about_oneself(guests: Guests) -> None:
    page = await guests.guest(width=390)
    await page.context.route("https://**", lambda route: route.fulfill(body="weather"))
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("menuitem", name="People").click()
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    await page.get_by_role("banner").get_by_role("button", name="Leave").click(trial=True)
    await page.get_by_role("button", name="Support").click()
    await expect(page.locator("#side")).not_to_have_class("side open")
    await page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await page.wait_for_url("https://**")


async def test_the_newest_stays_in_sight_when_what_stands_below_it_grows(guests: Guests) -> None:
    page = await guests.guest(width=390)
    for number in range(12):
        await say(page, f"line {number} of a long evening")
    await expect(page.locator(".text", has_text="line 11 of a long evening")).to_be_visible()
    # A message comes and the composer grows in the one frame: the scroll that is heard then was not the person's.
    left = await page.evaluate("""async () => {
      const log = document.querySelector(".log");
      document.querySelector(".log-list").style.setProperty("padding-bottom", "40px");
      log.scrollTop = log.scrollHeight;
      document.querySelector("#draft").style.setProperty("height", "220px");
      for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
      return log.scrollHeight - log.scrollTop - log.clientHeight;
    }""")
    assert left < 2


async def test_new_messages_are_spoken_and_old_ones_are_not(guests: Guests) -> None:
    page, other = await guests.guest(), await guests.guest()
    await say(other, "spoken aloud once")
    heard = page.locator("#announce")
    await expect(heard).to_contain_text("spoken aloud once")
    await page.reload()
    await expect(page.locator(".text", has_text="spoken aloud once")).to_be_visible()
    await expect(heard).not_to_contain_text("spoken aloud once")


async def test_grounding_needs_no_line_and_no_motion(guests: Guests) -> None:
    page = await guests.guest()
    await page.context.set_offline(offline=True)
    await page.get_by_role("button", name="Support").click()
    await page.get_by_role("button", name="Five senses").click()
    senses = page.get_by_role("dialog", name="Five senses")
    for count in ("5", "4", "3", "2", "1"):
        await expect(senses.locator(".ground-count")).to_have_text(count)
        await senses.get_by_role("button", name="Next").click()
    await expect(senses).to_contain_text("You are here")
    await senses.get_by_role("button", name="Close").last.click()
    await page.get_by_role("button", name="Slow breathing").click()
    breath = page.get_by_role("dialog", name="Slow breathing")
    await breath.get_by_role("button", name="Begin").click()
    await expect(breath.get_by_role("status")).to_have_text("Breathe in")
    await expect(breath.locator(".breath")).to_be_hidden()
