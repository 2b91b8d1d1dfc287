/**
 * What may be done with a message or a person, as menus: which entries there are follows from the two roles.
 *
 * Staff act on those below them and never on themselves; the server decides, this only leaves out what it would refuse.
 */

import { shareCard } from "./cards.js";
import { ask } from "./dialogs.js";
import { say } from "./dom.js";
import { openMenu } from "./menu.js";
import { called } from "./message.js";
import { parentOf } from "./talk.js";
import { DURATIONS, problemText, RANK, WORDS } from "./words.js";

const PREPARED = ["Loss and grief", "Self-harm", "Suicide", "Abuse", "Eating", "Medical"];

/** Whether this session's person may act as staff on somebody with that role here. */
export function isBelow(session, who) {
  return session.isStaff && who?.id !== session.me.id && RANK[session.role] > (RANK[who?.role] ?? 0);
}

/** Entries for one message. `room` is the view that holds composer, log, the hidden list and the toolbox. */
export function messageMenu(room, entry) {
  const { session, composer } = room;
  const mine = entry.from?.id === session.me.id;
  const below = isBelow(session, entry.from);
  const isPinned = session.state.pins.includes(entry.seq);
  const items = [{ label: "Reply", act: () => composer.reply(entry) }];
  if (session.state.reactions.length) items.push({ label: "React…", act: () => reactMenu(room, entry) });
  if (mine) {
    items.push({ label: "Change it", act: () => composer.edit(entry) });
    items.push({ label: "Take it back", act: () => retract(session, entry, true) });
  } else {
    items.push({ label: "Tell our team about this…", act: () => report(session, entry) });
    items.push({
      label: room.isHidden(entry.from?.id) ? "Show this person's messages" : "Hide this person's messages",
      act: () => room.toggleHidden(entry.from),
    });
  }
  if (session.isStaff) {
    items.push(null);
    items.push({
      label: isPinned ? "Unpin" : "Pin for everyone",
      act: () => attempt(session, isPinned ? "unpin" : "pin", { seq: entry.seq }),
    });
    if (!isPinned) items.push({ label: "Pin for a while…", act: () => pinFor(session, entry) });
    if (mine || below) items.push({ label: "Put a content warning…", act: () => warn(session, entry) });
    if (below) items.push({ label: "Take this message down…", act: () => retract(session, entry, false), danger: true });
  }
  const people = personItems(room, entry.from);
  return people.length ? [...items, null, ...people] : items;
}

/** Entries for one person; none where nothing may be done. */
export function personItems(room, who) {
  const { session, composer } = room;
  if (!who || who.id === session.me.id) return [];
  const name = who.name || "this person";
  const items = [];
  if (session.isStaff || RANK[who.role] > 0) {
    items.push({ label: `Write privately to ${name}`, act: () => composer.whisper(who) });
  }
  if (session.isStaff && !parentOf(session.room)) {
    items.push({ label: WORDS.talk.offer(name), act: () => room.offerTalk(who) });
  }
  if (session.isStaff && room.cards.length) {
    items.push({ label: `Share a card with ${name}…`, act: () => shareCard(session, room.cards, who) });
  }
  if (!isBelow(session, who)) return items;
  items.push({ label: `Mute ${name}…`, act: () => mute(session, who) });
  items.push({ label: `Let ${name} write again`, act: () => attempt(session, "unmute", { user: who.id }, `${name} can write again.`) });
  items.push({ label: `Take ${name} out of the room…`, act: () => remove(session, who), danger: true });
  if (room.mayBan) {
    items.push({ label: `Ban ${name} everywhere…`, act: () => ban(session, who), danger: true });
  }
  if (room.mayAsk) {
    items.push(null);
    items.push({ label: WORDS.pairs.break_glass.menu(name), act: () => room.askFor("break_glass", who) });
    items.push({ label: WORDS.pairs.erase.menu(name), act: () => room.askFor("erase", who), danger: true });
  }
  return items;
}

function reactMenu(room, entry) {
  const anchor = room.log.node.querySelector(`[data-id="seq ${entry.seq}"] [data-act="react"]`);
  const items = room.session.state.reactions.map((reaction) => ({
    label: `${reaction}  ${called(reaction)}`,
    act: () => room.react(entry.seq, reaction),
  }));
  if (anchor) openMenu(anchor, items, { label: "React" });
}

/** Take a message out of the room: one's own at once, that of somebody else with a reason. */
async function retract(session, entry, mine) {
  if (mine) {
    await attempt(session, "retract", { seq: entry.seq });
    return;
  }
  ask({
    title: "Take this message down?",
    lead: "The room sees only that it is no longer there. The person is told privately.",
    fields: [{ name: "reason", label: "Why", hint: "Kept in the record of what staff did.", maxlength: 300 }],
    confirm: "Take it down",
    danger: true,
    act: ({ reason }) => session.send("retract", { seq: entry.seq, reason: reason || undefined }),
  });
}

function report(session, entry) {
  ask({
    title: "Tell our team about this message",
    lead: "They will look at it. Nobody in the room learns that you wrote to us.",
    fields: [{ name: "reason", label: "What should we know?", kind: "textarea", maxlength: 2000 }],
    confirm: "Tell our team",
    act: async ({ reason }) => {
      await session.send("report", { seq: entry.seq, reason });
      say("Thank you. Our team will look at it.");
    },
  });
}

function pinFor(session, entry) {
  ask({
    title: "Pin for a while",
    lead: "It stands above the conversation for everyone, and goes by itself.",
    fields: [{ name: "seconds", label: "For how long", kind: "select", options: DURATIONS.filter(([seconds]) => seconds), value: "3600" }],
    confirm: "Pin",
    act: ({ seconds }) => session.send("pin", { seq: entry.seq, seconds: Number(seconds) }),
  });
}

function warn(session, entry) {
  ask({
    title: "Put a content warning before this message",
    lead: "Everyone can then choose whether to open it.",
    fields: [{ name: "warning", label: "What it touches on", value: entry.warning ?? "", hint: `For example: ${PREPARED.join(", ")}.`, maxlength: 120, required: true }],
    confirm: "Put the warning",
    act: ({ warning }) => session.send("warn", { seq: entry.seq, warning }),
  });
}

function timed({ title, lead, confirm, danger, start, act }) {
  ask({
    title,
    lead,
    danger,
    confirm,
    fields: [
      { name: "seconds", label: "For how long", kind: "select", options: DURATIONS, value: String(start) },
      { name: "reason", label: "Why", hint: "Kept in the record of what staff did.", maxlength: 300, required: true },
    ],
    act: ({ seconds, reason }) => act({ seconds: Number(seconds), reason }),
  });
}

/** Keep a person from posting for a while; they can still read, and write to the team. */
export function mute(session, who) {
  timed({
    title: `Mute ${who.name}`,
    lead: "They can read along and still write to our team. Only they are told.",
    confirm: "Mute",
    start: 900,
    act: (values) => session.send("mute", { user: who.id, ...values }).then(() => say(`${who.name} is muted.`)),
  });
}

function remove(session, who) {
  timed({
    title: `Take ${who.name} out of the room`,
    lead: "They can still write to our team. Only they are told.",
    confirm: "Take out",
    danger: true,
    start: 3600,
    act: (values) => session.send("remove", { user: who.id, ...values }).then(() => say(`${who.name} is out of the room.`)),
  });
}

function ban(session, who) {
  timed({
    title: `Ban ${who.name} from every room`,
    lead: "This closes their connections everywhere. A break from this room is often enough.",
    confirm: "Ban",
    danger: true,
    start: 86400,
    act: ({ seconds, reason }) => session.sendAnywhere("ban", { user: who.id, reason, ...(seconds ? { seconds } : {}) }),
  });
}

/** Run a command that needs no form, and say kindly when it did not work. */
export async function attempt(session, type, fields, done) {
  try {
    await session.send(type, fields);
    if (done) say(done);
  } catch (problem) {
    say(problemText(problem));
  }
}
