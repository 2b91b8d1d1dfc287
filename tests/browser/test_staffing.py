"""A room that needs staff, at the page: newcomers wait, it opens with them, goes on kindly without, and closes."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.house import Guests, new_name, say
from tests.browser.test_access import check

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]

NEEDS_STAFF = {"needs_staff": "true", "grace_seconds": "1", "unstaffed_close_seconds": "2"}
STAYS_OPEN = {**NEEDS_STAFF, "unstaffed_close_seconds": "0"}


async def newcomer(guests: Guests) -> Page:
    """Somebody with an invitation, whom the room may let wait; their page's clock can be put forward."""
    page = await guests.page(width=390)
    await page.clock.install()
    await page.goto(f"{guests.house.url}#invite={await guests.house.invite('open-circle')}")
    await page.get_by_label("What shall we call you?").fill(new_name())
    await page.get_by_role("button", name="Come in").click()
    return page


@pytest.mark.parametrize("own_house", [STAYS_OPEN], indirect=True)
async def test_newcomers_wait_outside_and_come_in_by_themselves_once_staff_are_there(
    own_house: Guests,
) -> None:
    page, writing = await newcomer(own_house), await newcomer(own_house)
    for one in (page, writing):
        await expect(one.get_by_role("heading", name="This room isn't open yet")).to_be_visible()
        await expect(one.get_by_text("This room opens when one of our team is here.")).to_be_visible()
        await expect(one.get_by_text("We look again by ourselves")).to_be_visible()
    await check(page)
    # Asking once more moves nothing: what is being written to the team stays.
    await writing.get_by_label("What would you like them to know?").fill("I am glad that you")
    await writing.get_by_role("button", name="Look again").click()
    await expect(writing.locator(".toast")).to_contain_text("This room opens when one of our team is here.")
    await expect(writing.get_by_label("What would you like them to know?")).to_have_value(
        "I am glad that you"
    )
    await own_house.staff("facilitator")
    for one in (page, writing):
        await one.clock.fast_forward(31_000)
    await expect(page.get_by_label("Write to the group")).to_be_focused()
    await expect(page.locator("#announce")).to_contain_text("The room is open now.")
    await expect(writing.get_by_text("The room is open now. What you are writing")).to_be_visible()
    await expect(writing.get_by_label("What would you like them to know?")).to_have_value(
        "I am glad that you"
    )
    await writing.get_by_role("button", name="Come in again").first.click()
    await expect(writing.get_by_label("Write to the group")).to_have_value("")
    await say(page, "Good to be here")
    await expect(writing.locator(".text", has_text="Good to be here")).to_be_visible()


@pytest.mark.parametrize("own_house", [STAYS_OPEN], indirect=True)
async def test_help_reaches_the_team_from_outside_and_support_is_shown_there(own_house: Guests) -> None:
    page = await newcomer(own_house)
    await page.get_by_label("What would you like them to know?").fill("I want to kill myself.")
    await page.get_by_role("button", name="Ask our team for help").click()
    support = page.get_by_role("region", name="Support, for you alone")
    await expect(support.get_by_role("link").first).to_be_visible()
    await check(page)
    team = await own_house.staff("moderator")
    await team.get_by_role("tab", name="Queue").click()
    await team.locator(".flag").get_by_role("button", name="I'm with them").click()
    await expect(support).to_contain_text("is here for you now")


@pytest.mark.parametrize("own_house", [NEEDS_STAFF], indirect=True)
async def test_those_inside_are_told_kindly_when_the_last_of_staff_goes_and_when_it_closes(
    own_house: Guests,
) -> None:
    team = await own_house.staff("facilitator")
    page = await own_house.guest(width=390)
    await page.get_by_label("Write to the group").fill("half a thou")
    await team.context.route("https://**", lambda route: route.fulfill(body="weather"))
    await team.get_by_role("button", name="Leave").click()
    await expect(page.locator(".banner")).to_contain_text("Our facilitator had to step away")
    await expect(page.locator(".log")).to_contain_text("Slow mode: one message every 30 seconds.")
    await check(page)
    await expect(page.locator(".banner")).to_contain_text("We close this room for now")
    await expect(page.get_by_label("Write privately to our team")).to_have_value("half a thou")
    await check(page)
    await own_house.staff("facilitator")
    await expect(page.locator(".banner")).to_contain_text("One of our team is here again.")
    await expect(page.get_by_label("Write to the group")).to_have_value("half a thou")
