"""What nobody should have to wait for alone: calls, duty, a private talk, asking after somebody."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.house import Guests, new_name, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

HIGH = "I want to kill myself. I can't see any other way."


async def queue(page: Page) -> None:
    await page.get_by_role("tab", name="Queue").click()


async def test_staff_say_whether_they_are_on_duty(guests: Guests) -> None:
    team = await guests.staff("facilitator")
    await queue(team)
    await expect(team.get_by_label("You are")).to_have_value("on_duty")
    await team.get_by_label("You are").select_option(label="On a break")
    await expect(team.get_by_text("Enjoy your break.")).to_be_visible()
    await team.reload()
    await queue(team)
    await expect(team.get_by_label("You are")).to_have_value("break")


async def test_who_can_be_reached_is_told_as_it_changes(own_house: Guests) -> None:
    team = await own_house.staff("facilitator")
    await queue(team)
    await expect(team.get_by_text("None of your colleagues can be reached now.")).to_be_visible()
    other = await own_house.staff("facilitator")
    await expect(team.get_by_text("One of your colleagues can be reached now.")).to_be_visible()
    await queue(other)
    await other.get_by_label("You are").select_option(label="On a break")
    await expect(team.get_by_text("None of your colleagues can be reached now.")).to_be_visible()
    await other.get_by_label("You are").select_option(label="On call")
    await expect(team.get_by_text("One of your colleagues can be reached now.")).to_be_visible()
    await other.context.close()
    await expect(team.get_by_text("None of your colleagues can be reached now.")).to_be_visible()


async def test_a_card_that_was_put_away_stays_away_after_a_reload_and_leaving_forgets_it(
    own_house: Guests,
) -> None:
    await own_house.staff("moderator")  # or the word that nobody is there comes after it, and is shown anew
    page = await own_house.guest()
    await say(page, HIGH)
    support = page.get_by_role("region", name="Support, for you alone")
    await support.get_by_role("button", name="Put away").click()
    await page.reload()
    await expect(page.locator(".text", has_text="kill myself").last).to_be_visible()
    await expect(support).to_be_hidden()
    await page.get_by_role("button", name="Support").click()
    await expect(page.get_by_role("dialog").get_by_text("For you alone")).to_be_visible()
    await page.keyboard.press("Escape")
    assert "kill" not in await page.evaluate("JSON.stringify(sessionStorage)")
    await page.context.route("https://**", lambda route: route.fulfill(body="weather"))
    await page.get_by_role("button", name="Leave").click()
    await page.wait_for_url("https://**")
    await page.goto(own_house.house.url)
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_flag_says_when_the_next_is_called_until_somebody_is_there(own_house: Guests) -> None:
    name = new_name()
    team, page = await own_house.staff("moderator"), await own_house.guest(name)
    await say(page, HIGH)
    word = f"{name} in Open Circle may need a person now."
    await expect(team.locator(".toast", has_text=word)).to_be_visible()
    await queue(team)
    flag = team.locator(".flag", has_text=name)
    await expect(flag).to_contain_text("The next of us is called in")
    await flag.get_by_role("button", name="I'm with them").click()
    await expect(flag).not_to_contain_text("The next of us is called")


async def test_a_private_talk_is_offered_and_ends_for_both(guests: Guests) -> None:
    name, helper = new_name(), new_name()
    team, page, other = (
        await guests.staff("facilitator", helper),
        await guests.guest(name),
        await guests.guest(),
    )
    await say(page, HIGH)
    await queue(team)
    flag = team.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Talk privately").click()
    await expect(team.get_by_text(f"{name} can come in when they are ready.")).to_be_visible()
    await expect(team.get_by_role("button", name="End the talk")).to_be_visible()
    invitation = page.locator(".item.aside")
    await expect(invitation).to_contain_text("offers you a private talk")
    await expect(other.locator(".item.aside")).to_have_count(0)
    await invitation.get_by_role("button", name="Go there").click()
    await expect(page.get_by_role("button", name="End the talk")).to_be_visible()
    await expect(page.get_by_text("The group does not see it.")).to_be_visible()
    await page.get_by_label(f"Write to {helper}").fill("I would rather say it here")
    await page.get_by_label(f"Write to {helper}").press("Enter")
    await expect(team.locator(".text", has_text="I would rather say it here")).to_be_visible()
    await page.get_by_role("button", name="Back to the group").click()
    await expect(page.locator(".item.message.mine", has_text="I want to kill myself")).to_be_visible()
    await expect(page.locator(".log")).not_to_contain_text("I would rather say it here")
    await page.get_by_role("button", name="Private talk").click()
    await page.get_by_role("button", name="End the talk").click()
    await expect(page.get_by_role("button", name="Private talk")).to_have_count(0)
    dialog = team.get_by_role("dialog", name="Something for the group?")
    await dialog.get_by_role("button", name="Share the card").click()
    await expect(other.locator(".item.card")).to_contain_text("After a heavy moment")
    await expect(other.locator("body")).not_to_contain_text("I would rather say it here")


async def test_an_invitation_can_be_put_aside(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("facilitator"), await guests.guest(name)
    await say(page, "a message to begin with")
    message = team.locator(".item.message", has_text="a message to begin with")
    await message.hover()
    await message.get_by_role("button", name="More for this message").click()
    await team.get_by_role("menuitem", name=f"Talk privately with {name}…").click()
    await page.locator(".item.aside").get_by_role("button", name="Not now").click()
    await expect(page.locator(".item.aside")).to_have_count(0)
    await expect(team.locator(".toast", has_text="The private talk is over.")).to_be_visible()
    await expect(team.get_by_role("button", name="End the talk")).to_have_count(0)


async def test_somebody_is_asked_after_the_next_day(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("moderator"), await guests.guest(name)
    await say(page, HIGH)
    await queue(team)
    flag = team.locator(".flag", has_text=name)
    await flag.get_by_role("button", name="Take this").click()
    await flag.get_by_label("Seen to").or_(flag.get_by_label("Leave it as it is")).check()
    await flag.get_by_label("Note").fill("we talked")
    await flag.get_by_role("button", name="Decide", exact=True).click()
    await expect(flag).to_have_count(0)
    task = team.locator(".task", has_text=name)
    await team.locator(".tasks-box summary").click()
    await expect(task).to_contain_text("Tomorrow")
    await task.get_by_role("button", name="I asked after them").click()
    await team.get_by_role("button", name="Done", exact=True).click()
    await expect(task).to_have_count(0)


async def test_a_card_leads_to_the_team_for_who_is_not_ready_to_call(guests: Guests) -> None:
    page = await guests.guest()
    await say(page, HIGH)
    await page.get_by_role("button", name="Not ready to call? Write to our team alone").click()
    await expect(page.get_by_role("button", name="Ask our team for help")).to_be_visible()
