"""A participant's evening: in by a link, talking, being held, getting support, leaving at once."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.house import Guests, choose, new_name, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

DISCLOSURE = "I want to kill myself. I can't see any other way."


async def test_an_invitation_leads_by_name_and_agreement_into_the_room(guests: Guests) -> None:
    page = await guests.page()
    invite = await guests.house.invite("evening-circle")
    await page.goto(f"{guests.house.url}#invite={invite}")
    name = new_name()
    await page.get_by_label("What shall we call you?").fill(name)
    assert invite not in page.url
    await page.get_by_role("button", name="Come in").click()
    await expect(page.get_by_role("heading", name="Before you come in")).to_be_focused()
    await page.get_by_role("button", name="I agree, take me in").click()
    await expect(page.get_by_label("Write to the group")).to_be_focused()
    await expect(page.get_by_role("tabpanel", name="People")).to_contain_text(name)


async def test_a_name_that_is_taken_is_asked_for_again_and_nothing_else_is(guests: Guests) -> None:
    name = new_name()
    await guests.guest(name)
    page = await guests.page()
    await page.goto(f"{guests.house.url}#invite={await guests.house.invite('open-circle')}")
    await page.get_by_label("What shall we call you?").fill(name)
    await page.get_by_label("Country").select_option("IE")
    await page.get_by_role("button", name="Come in").click()
    await expect(page.get_by_role("alert").filter(has_text="name")).to_be_visible()
    await expect(page.get_by_label("Country")).to_have_value("IE")
    await page.get_by_label("What shall we call you?").fill(new_name())
    await page.get_by_role("button", name="Come in").click()
    await expect(page.get_by_label("Write to the group")).to_be_visible()


async def test_what_one_says_all_see_once_and_in_order(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await say(one, "Good evening, all")
    await say(other, "Good evening to you")
    for page in (one, other):
        said = page.locator(".item.message .text")
        await expect(said.filter(has_text="Good evening")).to_have_text(
            ["Good evening, all", "Good evening to you"]
        )
    await expect(one.locator(".item.unsent")).to_have_count(0)


async def test_markup_is_shown_as_it_was_typed(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await say(one, "<b>bold</b> & <img src=x onerror=alert(1)>")
    await expect(other.locator(".text", has_text="<b>bold</b> & <img")).to_be_visible()
    assert await other.locator(".log img").count() == 0


async def test_a_disclosure_brings_support_to_its_author_alone(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await say(one, DISCLOSURE)
    support = one.get_by_role("region", name="Support, for you alone")
    await expect(support).to_be_visible()
    await expect(support.get_by_role("link").first).to_be_visible()
    await expect(one.locator("#announce")).to_contain_text("For you alone")
    await expect(other.locator(".text", has_text="kill myself").first).to_be_visible()
    await expect(other.get_by_role("region", name="Support, for you alone")).to_have_count(0)
    await support.get_by_role("button", name="Put away").click()
    await expect(support).to_be_hidden()
    await one.get_by_role("button", name="Support").click()
    await expect(one.get_by_role("dialog").get_by_text("For you alone")).to_be_visible()


async def test_a_text_that_waits_says_so_kindly_and_can_be_written_anew(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await say(one, "You are pitiful, just go kill yourself")
    held = one.locator(".item.held")
    await expect(held).to_contain_text(re.compile("Waiting for our team|Kept out of the room"))
    assert not re.search(r"block|violat|forbid", await held.inner_text(), re.IGNORECASE)
    await held.get_by_role("button", name="Change it and send again").click()
    await expect(one.get_by_label("Write to the group")).to_have_value(re.compile("pitiful"))
    await say(one, "That hurt me, and I need a moment")
    await expect(held).to_have_count(0)
    await expect(other.locator(".text", has_text="That hurt me")).to_be_visible()
    await expect(other.locator(".log")).not_to_contain_text("pitiful")


async def test_a_content_warning_covers_until_it_is_opened(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await one.get_by_role("button", name="Add a content warning").click()
    await one.get_by_label("Content warning").fill("grief")
    await say(one, "My dog died on Monday")
    message = other.locator(".item.message", has_text="grief")
    await expect(message).not_to_contain_text("My dog died")
    await message.get_by_role("button", name="Show the message").click()
    await expect(message).to_contain_text("My dog died")


async def test_reply_reaction_change_and_taking_back(guests: Guests) -> None:
    one, other = await guests.guest(), await guests.guest()
    await say(one, "I went for a walk today")
    await choose(other, "I went for a walk", "Reply")
    await say(other, "That sounds lovely")
    await expect(
        one.locator(".item.message", has_text="That sounds lovely").locator(".quote")
    ).to_contain_text("walk")
    message = other.locator(".item.message", has_text="I went for a walk").first
    await message.hover()
    await message.get_by_role("button", name="React").click()
    await other.get_by_role("menuitem").first.click()
    await expect(
        one.locator(".item.message", has_text="I went for a walk").first.locator(".reaction")
    ).to_contain_text("1")
    await choose(other, "That sounds lovely", "Change it")
    await other.get_by_label("Write to the group").fill("That sounds really lovely")
    await other.get_by_label("Write to the group").press("Enter")
    await expect(one.locator(".text", has_text="That sounds really lovely")).to_be_visible()
    await choose(other, "That sounds really lovely", "Take it back")
    await expect(one.locator(".log")).not_to_contain_text("really lovely")
    await expect(one.get_by_text("This message is no longer here.").last).to_be_visible()


async def test_help_reaches_the_team_from_the_header(guests: Guests) -> None:
    team, page = await guests.staff("moderator"), await guests.guest()
    await page.get_by_role("button", name="Support").click()
    await page.get_by_label("What would you like them to know?").fill("I feel shaky and would like to talk")
    await page.get_by_role("button", name="Ask our team for help").click()
    await expect(page.locator(".item.helped").last).to_contain_text("This is with them now")
    await team.get_by_role("tab", name="Queue").click()
    await expect(team.locator(".flag", has_text="Asked for help").first).to_be_visible()


async def test_leaving_at_once_clears_the_page_and_the_device(guests: Guests) -> None:
    page = await guests.guest()
    await page.context.route("https://**", lambda route: route.fulfill(body="weather"))
    await page.get_by_role("button", name="Leave").click()
    await page.wait_for_url("https://**")
    await page.goto(guests.house.url)
    await expect(page.get_by_role("heading", name="You need an invitation to come in")).to_be_visible()
    assert await page.evaluate("sessionStorage.length + localStorage.length") == 0


async def test_nothing_goes_wrong_on_a_page_that_was_emptied(guests: Guests) -> None:
    """Between leaving and the other page's coming, the clocks of this one still run."""
    page = await guests.guest()
    await page.clock.install()
    await page.reload()
    await expect(page.get_by_label("Write to the group")).to_be_visible()
    await page.evaluate("document.documentElement.replaceChildren()")
    await page.clock.run_for(5_000)
    assert not guests.problems


async def test_whom_one_hides_stays_hidden_after_a_reload(guests: Guests) -> None:
    page, other = await guests.guest(), await guests.guest()
    await say(other, "seen by all but one")
    await choose(page, "seen by all but one", "Hide this person's messages")
    await expect(page.locator(".log")).to_contain_text("You've chosen not to see this person's messages.")
    await page.reload()
    await expect(page.get_by_label("Write to the group")).to_be_visible()
    await expect(page.locator(".log")).not_to_contain_text("seen by all but one")


async def test_what_is_kept_out_reads_so_after_a_reload(guests: Guests) -> None:
    page = await guests.guest()
    await say(page, "buy xanax from me")
    kept = page.locator(".item.held", has_text="buy xanax from me")
    await expect(kept).to_contain_text("Kept out of the room")
    await page.reload()
    await expect(kept).to_contain_text("Kept out of the room")
    await expect(kept).to_contain_text("Only you and our team can see this.")


async def test_a_draft_outlives_a_reload(guests: Guests) -> None:
    page = await guests.guest()
    await page.get_by_label("Write to the group").fill("I am not sure how to say th")
    await page.reload()
    await expect(page.get_by_label("Write to the group")).to_have_value("I am not sure how to say th")


async def test_earlier_messages_come_as_one_scrolls_up(guests: Guests) -> None:
    team = [await guests.staff("facilitator", room="evening-circle") for _ in range(4)]
    for number in range(68):  # in turns: so much from one would be a flood
        await say(team[number % 4], f"line number {number}.")
    last = team[0].locator(".text", has_text="line number 67.")
    await expect(last).to_be_visible()
    page = team[0]
    await page.reload()
    await expect(last).to_be_visible()
    assert await page.locator(".item.message").count() < 68
    await page.locator(".log").hover()
    while await page.get_by_text("This is where it begins.").count() == 0:
        await page.mouse.wheel(0, -4000)
        await page.evaluate("new Promise(requestAnimationFrame)")
    said = await page.locator(".item.message .text", has_text="line number").all_inner_texts()
    assert sorted(said) == sorted(f"line number {number}." for number in range(68))
