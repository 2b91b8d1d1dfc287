"""A moderator's evening: the queue, live, with claim and decision."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.house import Guests, choose, new_name, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

CRUEL = "You are pathetic, just go kill yourself"


async def queue(page: Page) -> None:
    await page.get_by_role("tab", name="Queue").click()


async def test_a_flag_comes_live_with_its_text_covered(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("moderator"), await guests.guest(name)
    await queue(team)
    await say(page, "I want to kill myself. I can't see any other way.")
    flag = team.locator(".flag", has_text=name)
    await expect(flag).to_contain_text("High")
    await expect(flag).to_contain_text(re.compile("left"))
    assert "kill myself" not in await flag.inner_html()
    await flag.get_by_role("button", name="Show the text").click()
    await expect(flag.locator("mark").first).to_be_visible()
    await flag.get_by_role("button", name="I'm with them").click()
    await expect(flag).to_contain_text("With ")


async def test_a_held_text_is_claimed_decided_and_released(guests: Guests) -> None:
    name = new_name()
    team, page, other = await guests.staff("moderator"), await guests.guest(name), await guests.guest()
    await say(page, CRUEL)
    await expect(page.locator(".item.held")).to_be_visible()
    await queue(team)
    flag = team.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await expect(flag.get_by_text("Yours for another")).to_be_visible()
    await flag.get_by_label("Keep it out of the room").check()
    await flag.get_by_label("Note").fill("an attack on somebody")
    await flag.get_by_label("Words to the person").fill("That could hurt somebody. Say how you feel instead?")
    await flag.get_by_role("button", name="Decide", exact=True).click()
    await expect(flag).to_have_count(0)
    await expect(page.locator(".item.held_decided")).to_contain_text("Say how you feel instead?")
    await expect(page.locator(".item.held")).to_have_count(0)
    await expect(other.locator(".log")).not_to_contain_text("pathetic")


async def test_what_another_has_is_said_with_their_name(guests: Guests) -> None:
    name, first = new_name(), new_name()
    one, two, page = (
        await guests.staff("moderator", first),
        await guests.staff("moderator"),
        await guests.guest(name),
    )
    await say(page, CRUEL)
    await queue(one)
    await queue(two)
    await one.locator(".flag", has_text=name).get_by_role("button", name="Take this").click()
    theirs = two.locator(".flag", has_text=name)
    await expect(theirs).to_contain_text(f"{first} has taken this one.")
    await expect(theirs.get_by_role("button", name="Take this")).to_have_count(0)
    await one.locator(".flag", has_text=name).get_by_role("button", name="Give back").click()
    await expect(theirs.get_by_role("button", name="Take this")).to_be_visible()


async def test_a_mute_can_be_the_decision(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("moderator"), await guests.guest(name)
    await say(page, CRUEL)
    await queue(team)
    flag = team.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await flag.get_by_label("Mute the person").check()
    await flag.get_by_label("Note").fill("a pause")
    await flag.get_by_role("button", name="Decide", exact=True).click()
    await expect(page.get_by_label("Write privately to our team")).to_be_visible()


async def test_no_sanction_goes_with_a_persons_own_risk(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("moderator"), await guests.guest(name)
    await say(page, "I want to kill myself. I can't see any other way.")
    await queue(team)
    flag = team.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await expect(flag.get_by_text("so no sanction goes with it")).to_be_visible()
    await expect(flag.get_by_label("Leave it as it is")).to_be_visible()
    await expect(flag.get_by_label("Mute the person")).to_have_count(0)
    await expect(flag.get_by_label("Take the person out of the room")).to_have_count(0)


async def test_a_ban_is_offered_to_those_who_look_after_all_rooms(guests: Guests) -> None:
    name = new_name()
    here, page = await guests.staff("moderator"), await guests.guest(name)
    everywhere = await guests.staff("moderator", everywhere=True)
    await say(page, "a message that brings it up")
    for team, count in ((here, 0), (everywhere, 1)):
        message = team.locator(".item.message", has_text="a message that brings it up")
        await message.hover()
        await message.get_by_role("button", name="More for this message").click()
        await expect(team.get_by_role("menuitem", name=f"Mute {name}…")).to_be_visible()
        await expect(team.get_by_role("menuitem", name=f"Ban {name} everywhere…")).to_have_count(count)
    await everywhere.get_by_role("menuitem", name=f"Ban {name} everywhere…").click()
    await everywhere.get_by_role("textbox", name="Why").fill("enough for now")
    await everywhere.get_by_role("button", name="Ban", exact=True).click()
    await expect(page.get_by_role("heading", name="You can't take part at present")).to_be_visible()


async def test_whoever_is_banned_asks_for_another_look_and_comes_back(guests: Guests) -> None:
    name = new_name()
    page = await guests.guest(name)
    first, second = [await guests.staff("moderator", everywhere=True) for _ in range(2)]
    await say(page, "a message that somebody minds")
    await choose(first, "a message that somebody minds", f"Ban {name} everywhere…")
    await first.get_by_role("textbox", name="Why").fill("enough for now")
    await first.get_by_role("button", name="Ban", exact=True).click()
    await expect(page.get_by_text("tell us in your own words")).to_be_visible()
    await page.get_by_label("What would you like them to know?").fill(
        "It was meant kindly, and I want to die."
    )
    await page.get_by_role("button", name="Ask for another look").click()
    await expect(page.get_by_text("Thank you for telling us")).to_be_visible()
    await expect(page.get_by_role("region", name="For you alone")).to_contain_text("findahelpline")
    await expect(page.get_by_role("button", name="Ask for another look")).to_have_count(0)
    await queue(second)
    flag = second.locator(".flag", has_text="Asks for another look").filter(has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await flag.get_by_label("Take the decision back").check()
    await flag.get_by_role("button", name="Decide", exact=True).click()
    await expect(flag).to_have_count(0)
    await page.reload()
    await expect(page.get_by_label("Write to the group")).to_be_visible()


async def test_a_report_opens_a_flag_and_shows_its_person_nothing(guests: Guests) -> None:
    name = new_name()
    team, page, other = await guests.staff("moderator"), await guests.guest(name), await guests.guest()
    await say(page, "I never liked mornings much")
    message = other.locator(".item.message", has_text="never liked mornings")
    await message.hover()
    await message.get_by_role("button", name="More for this message").click()
    await other.get_by_role("menuitem", name="Tell our team about this…").click()
    await other.get_by_label("What should we know?").fill("this felt dismissive")
    await other.get_by_role("button", name="Tell our team").click()
    await queue(team)
    await expect(team.locator(".flag", has_text="this felt dismissive")).to_contain_text(name)
    await expect(page.locator(".item.private")).to_have_count(0)


async def test_the_queue_is_narrowed_and_a_word_left(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("moderator"), await guests.guest(name)
    await queue(team)
    await say(page, "I want to kill myself. I can't see any other way.")
    flag = team.locator(".flag", has_text=name)
    await expect(flag).to_be_visible()
    await expect(team.locator(".counts")).to_contain_text("open")
    await team.get_by_text("Choose what you see").click()
    await team.get_by_label("Kind").select_option("report")
    await expect(flag).to_have_count(0)
    await expect(team.locator(".choose summary")).to_contain_text("not shown")
    await team.get_by_label("Kind").select_option("")
    await flag.get_by_role("button", name="More for this flag").click()
    await team.get_by_role("menuitem", name="A word to colleagues…").click()
    await team.get_by_label("Your note").fill("I know her a little")
    await team.get_by_role("dialog").get_by_role("button", name="Send").click()
    await expect(flag.locator(".notes")).to_contain_text("I know her a little")
    await flag.get_by_role("button", name="Take this").click()
    await expect(flag.locator(".course")).to_contain_text("High")


async def test_a_decision_is_looked_at_again_by_somebody_else(guests: Guests) -> None:
    name = new_name()
    one, two = await guests.staff("moderator"), await guests.staff("moderator")
    page, other = await guests.guest(name), await guests.guest()
    await say(page, CRUEL)
    await queue(one)
    flag = one.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await flag.get_by_label("Keep it out of the room").check()
    await flag.get_by_role("button", name="Decide", exact=True).click()
    await page.get_by_role("button", name="Ask for another look").click()
    await page.get_by_label("What would you like them to know?").fill("It was a line from a song")
    await page.get_by_role("dialog").get_by_role("button", name="Send").click()
    await queue(two)
    again = two.locator(".flag", has_text=name)
    await expect(again).to_contain_text("Asks for another look at what was decided")
    await expect(again).to_contain_text("kept out, or taken down")
    await expect(again).not_to_contain_text("In the room")
    await expect(one.locator(".flag", has_text=name)).to_have_count(0)
    await again.get_by_role("button", name="Take this").click()
    await again.get_by_role("button", name="Open the text").first.click()
    await two.get_by_label("Why do you open it?").fill("the appeal")
    await two.get_by_role("button", name="Open it").click()
    await expect(two.locator("dialog blockquote")).to_contain_text("pathetic")
    await two.get_by_role("button", name="Close").last.click()
    await again.get_by_label("Take the decision back").check()
    await again.get_by_role("button", name="Decide", exact=True).click()
    await expect(other.locator(".log")).to_contain_text("pathetic")


async def test_after_a_decision_one_goes_on_with_the_next_and_then_may_rest(own_house: Guests) -> None:
    names = new_name(), new_name()
    team = await own_house.staff("moderator")
    for name in names:
        await say(await own_house.guest(name), CRUEL)
    await queue(team)
    for name, focused in zip(
        names, (f".flag:has-text('{names[1]}') h3", ".queue p:has-text('stretch')"), strict=True
    ):
        flag = team.locator(".flag", has_text=name)
        await flag.get_by_role("button", name="Take this").click()
        await expect(flag.locator("h3")).to_be_focused()
        await flag.get_by_label("Keep it out of the room").check()
        await flag.get_by_role("button", name="Decide", exact=True).click()
        await expect(flag).to_have_count(0)
        await expect(team.locator(focused)).to_be_focused()


async def test_what_one_reads_stays_as_it_is_while_a_colleague_writes(guests: Guests) -> None:
    name = new_name()
    one, two = await guests.staff("moderator"), await guests.staff("moderator")
    page = await guests.guest(name)
    await say(page, "the rain has stopped at last")
    await say(page, "I want to kill myself. I can't see any other way.")
    for team in (one, two):
        await queue(team)
    flag, theirs = (team.locator(".flag", has_text=name) for team in (one, two))
    await flag.get_by_role("button", name="Take this").click()
    await flag.get_by_text("What they wrote lately").click()
    await flag.get_by_label("Note").fill("half a thou")
    await theirs.get_by_role("button", name="More for this flag").click()
    await two.get_by_role("menuitem", name="A word to colleagues…").click()
    await two.get_by_label("Your note").fill("I know him a little")
    await two.get_by_role("dialog").get_by_role("button", name="Send").click()
    await expect(flag.locator(".notes")).to_contain_text("I know him a little")
    await expect(flag.get_by_text("the rain has stopped at last").last).to_be_visible()
    await expect(flag.get_by_label("Note")).to_have_value("half a thou")


async def test_calls_that_come_together_are_told_as_one_and_never_fill_the_screen(guests: Guests) -> None:
    team, names = await guests.staff("moderator"), [new_name() for _ in range(4)]
    pages = [await guests.guest(name) for name in names]
    await team.clock.install()
    await team.evaluate("document.querySelector('#toasts').replaceChildren()")
    await team.clock.pause_at("2099-01-01")  # what is said now stays until it is read here
    for page in pages:
        await say(page, "I want to kill myself. I can't see any other way.")
    await expect(team.locator(".toast", has_text="4 people may need somebody now.")).to_be_visible()
    assert await team.locator(".toast").count() <= 3
