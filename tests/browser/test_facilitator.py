"""A facilitator's evening: what can be done from a message's menu and for the room."""

import pytest
from playwright.async_api import expect

from tests.browser.house import Guests, choose, new_name, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio]


async def test_a_mute_from_a_message_is_told_to_that_person_alone(guests: Guests) -> None:
    name = new_name()
    team, page, other = await guests.staff("facilitator"), await guests.guest(name), await guests.guest()
    await say(page, "a message that began it")
    await choose(team, "a message that began it", f"Mute {name}…")
    await team.get_by_role("textbox", name="Why").fill("a pause")
    await team.get_by_role("button", name="Mute", exact=True).click()
    await expect(page.get_by_label("Write privately to our team")).to_be_visible()
    await expect(page.get_by_text("You can read along for about 15 minutes")).to_be_visible()
    await page.get_by_label("Write privately to our team").fill("I did not mean it that way")
    await page.get_by_role("button", name="Send to our team").click()
    await expect(page.locator(".item.helped")).to_contain_text("I did not mean it that way")
    await expect(other.locator("body")).not_to_contain_text("mute")
    await choose(team, "a message that began it", f"Let {name} write again")
    await say(page, "thank you, I am back")
    await expect(other.locator(".text", has_text="thank you, I am back")).to_be_visible()


async def test_a_pin_stands_above_the_log_until_it_is_taken_off(guests: Guests) -> None:
    team, page = await guests.staff("facilitator"), await guests.guest()
    await say(team, "Tonight we talk about sleep")
    await choose(team, "Tonight we talk about sleep", "Pin for everyone")
    pins = page.get_by_role("region", name="Pinned")
    await expect(pins).to_contain_text("Tonight we talk about sleep")
    await page.reload()
    await expect(pins).to_contain_text("Tonight we talk about sleep")
    await team.get_by_role("button", name="Unpin").click()
    await expect(pins).to_be_hidden()


async def test_a_pin_for_a_while_is_put_from_the_menu(guests: Guests) -> None:
    team, page = await guests.staff("facilitator"), await guests.guest()
    await say(team, "Back at nine")
    await choose(team, "Back at nine", "Pin for a while…")
    await team.get_by_label("For how long").select_option("300")
    await team.get_by_role("button", name="Pin", exact=True).click()
    await expect(page.get_by_role("region", name="Pinned")).to_contain_text("Back at nine")
    await choose(team, "Back at nine", "Unpin")
    await expect(page.get_by_role("region", name="Pinned")).to_be_hidden()


async def test_cards_are_chosen_seen_and_shared_with_all_or_with_one(guests: Guests) -> None:
    name = new_name()
    team, page, other = await guests.staff("facilitator"), await guests.guest(name), await guests.guest()
    await expect(page.get_by_role("button", name="Share a card")).to_have_count(0)
    await team.get_by_role("button", name="Share a card").click()
    dialog = team.get_by_role("dialog", name="Share a card with the group")
    await dialog.get_by_label("Card").select_option(label="Slow breath")
    await expect(dialog).to_contain_text("Breathe out while you count to six.")
    await dialog.get_by_role("button", name="Share").click()
    for one in (team, page, other):
        await expect(one.locator(".item.card", has_text="Slow breath")).to_contain_text("shared a card")
    await team.get_by_role("tab", name="People").click()
    await team.get_by_role("button", name=f"What you can do for {name}").click()
    await team.get_by_role("menuitem", name=f"Share a card with {name}…").click()
    await team.get_by_role("combobox", name="Card").select_option(label="Feet on the floor")
    await team.get_by_role("dialog").get_by_role("button", name="Share").click()
    await expect(page.locator(".item.card", has_text="Feet on the floor")).to_contain_text("with you")
    await expect(other.locator(".item.card", has_text="Feet on the floor")).to_have_count(0)


async def test_a_warning_and_a_taken_down_message_show_everywhere(guests: Guests) -> None:
    team, page, other = await guests.staff("facilitator"), await guests.guest(), await guests.guest()
    await say(page, "My grandmother died in spring")
    await choose(team, "My grandmother died", "Put a content warning…")
    await team.get_by_label("What it touches on").fill("loss")
    await team.get_by_role("button", name="Put the warning").click()
    await expect(other.locator(".item.message", has_text="loss")).not_to_contain_text("grandmother")
    await say(page, "this one goes")
    await choose(team, "this one goes", "Take this message down…")
    await team.get_by_role("button", name="Take it down").click()
    await expect(other.locator(".log")).not_to_contain_text("this one goes")
    await expect(page.locator(".item.held_decided")).to_have_count(1)
    await expect(other.locator(".item.held_decided")).to_have_count(0)


async def test_topic_and_pause_reach_everyone_and_drafts_stay(guests: Guests) -> None:
    team, page = await guests.staff("facilitator"), await guests.guest()
    await page.get_by_label("Write to the group").fill("half a thou")
    await team.get_by_role("button", name="Room", exact=True).click()
    await team.get_by_label("Topic").fill("Small wins")
    await team.get_by_label("Pause the conversation").check()
    await team.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("banner")).to_contain_text("Small wins")
    await expect(page.get_by_text("A facilitator has paused the conversation")).to_be_visible()
    await expect(page.get_by_label("Write privately to our team")).to_have_value("half a thou")
    await team.get_by_role("button", name="Room", exact=True).click()
    await team.get_by_label("Pause the conversation").uncheck()
    await team.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Write to the group")).to_have_value("half a thou")


async def test_a_room_that_closes_leaves_the_line_to_the_team(own_house: Guests) -> None:
    page = await own_house.guest()
    await page.get_by_label("Write to the group").fill("half a thou")
    await own_house.house.close("open-circle")
    await expect(page.locator(".log")).to_contain_text("The room is closed.")
    await expect(page.get_by_text("This room is closed now")).to_have_count(1)
    await page.get_by_label("Write privately to our team").fill("May I still write to you?")
    await page.get_by_role("button", name="Send to our team").click()
    await expect(page.locator(".item.helped")).to_contain_text("May I still write to you?")
    await page.reload()
    await expect(page.get_by_role("heading", name="This room is closed")).to_be_visible()
    await own_house.house.open("open-circle")
    await page.get_by_role("button", name="Come in again").click()
    await expect(page.get_by_label("Write to the group")).to_be_visible()


async def test_a_private_word_goes_to_one_and_can_be_answered(guests: Guests) -> None:
    name = new_name()
    team, page, other = await guests.staff("facilitator"), await guests.guest(name), await guests.guest()
    await team.get_by_role("tab", name="People").click()
    await team.get_by_role("button", name=f"What you can do for {name}").click()
    await team.get_by_role("menuitem", name=f"Write privately to {name}").click()
    await team.get_by_label(f"Write privately to {name}").fill("How are you holding up?")
    await team.get_by_role("button", name="Send privately").click()
    await expect(team.locator(".item.whisper")).to_contain_text("How are you holding up?")
    await page.get_by_role("button", name="Answer privately").click()
    await page.locator("#draft").fill("Better than yesterday")
    await page.locator("#draft").press("Enter")
    await expect(team.locator(".item.whisper", has_text="Better than yesterday")).to_be_visible()
    await expect(other.locator(".item.whisper")).to_have_count(0)


async def test_somebody_taken_out_still_has_the_line_to_the_team(guests: Guests) -> None:
    name = new_name()
    team, page = await guests.staff("facilitator"), await guests.guest(name)
    await say(page, "a message to be taken out by")
    await choose(team, "a message to be taken out by", f"Take {name} out of the room…")
    await team.get_by_role("textbox", name="Why").fill("a pause")
    await team.get_by_role("button", name="Take out").click()
    await expect(page.get_by_role("heading", name="You're taking a break from this room")).to_be_visible()
    await page.get_by_label("What would you like them to know?").fill("Can we talk about it?")
    await page.get_by_role("button", name="Ask our team for help").click()
    await expect(page.get_by_text("This is with our team now")).to_be_visible()


async def test_turns_go_by_raised_hands(guests: Guests) -> None:
    name = new_name()
    team, page, other = await guests.staff("facilitator"), await guests.guest(name), await guests.guest()
    await team.get_by_role("button", name="Room", exact=True).click()
    await team.get_by_label("Speak in turns").check()
    await team.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Raise hand").click()
    await expect(page.get_by_text("It's your turn.")).to_be_visible()
    await expect(other.get_by_text(f"{name} is speaking. Raise your hand")).to_be_visible()
    await other.get_by_role("button", name="Raise hand").click()
    await say(page, "I have been sleeping better")
    await page.get_by_role("button", name="Lower hand").click()
    await expect(other.get_by_text("It's your turn.")).to_be_visible()
    await other.get_by_role("button", name="Lower hand").click()
    await team.get_by_role("button", name="Room", exact=True).click()
    await team.get_by_label("Speak in turns").uncheck()
    await team.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Write to the group")).to_be_visible()


async def test_whoever_becomes_staff_while_here_has_the_toolbox_and_the_queue(guests: Guests) -> None:
    page = await guests.guest()
    await expect(page.get_by_role("button", name="Share a card")).to_have_count(0)
    await guests.house.make_staff(page, "facilitator", "open-circle")
    await page.get_by_role("button", name="Share a card").click()
    await expect(page.get_by_role("dialog", name="Share a card with the group")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("tab", name="Queue")).to_be_visible()
