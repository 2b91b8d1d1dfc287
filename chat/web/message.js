/**
 * One line of the timeline as an element. What a person may do with it comes in as `act`, a table of functions.
 */

import { button, clock, day, el, icon } from "./dom.js";
import { menuButton } from "./menu.js";
import { PHASES, HOLDS, ROLES, WORDS } from "./words.js";

const HUES = 8;
const QUOTE = 90;

/** What a reaction is called, for those who hear the page; any other is read as it is written. */
const CALLED = {
  "💛": "warmth", "❤️": "love", "🤗": "a hug", "👍": "yes", "🌱": "hope", "🕯️": "a candle", "🙏": "thank you",
  "💪": "strength", "🤝": "same here", "👂": "listening", "🌼": "a flower", "☀️": "sunshine", "💙": "warmth",
};

/** A reaction's name in words. */
export function called(reaction) {
  return CALLED[reaction] ?? reaction.replace(/[_-]/g, " ");
}

/** A reaction's face, and its name for those who hear it. */
export function face(reaction) {
  return el("span", { role: "img", "aria-label": called(reaction) }, reaction);
}

/** A colour class that stays the same for a person. */
export function hue(id = "") {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return `hue-${sum % HUES}`;
}

/** Initials on a coloured ground, for the eye alone. */
export function avatar(who) {
  const initials = (who?.name ?? "?").split(/\s+/).map((word) => [...word][0]).join("").slice(0, 2).toUpperCase();
  return el("span", { class: `avatar ${hue(who?.id)}`, "aria-hidden": "true" }, initials || "?");
}

/** The element of one item. `view`: `{me, revealed, mine, reactions, staff, act}`. */
export function draw(item, view) {
  const make = DRAWN[item.kind];
  const node = el("li", { class: `item ${item.kind}`, data: { id: item.id }, tabindex: -1 });
  if (make) make(node, item, view);
  return node;
}

const DRAWN = {
  day(node, item) {
    node.removeAttribute("tabindex");
    node.append(el("span", {}, day(item.at)));
  },
  away(node) {
    node.removeAttribute("tabindex");
    node.append(el("span", {}, WORDS.back.mark));
  },
  message: drawMessage,
  unsent: drawUnsent,
  held: drawHeld,
  card(node, { source }) {
    node.append(
      el("p", { class: "eyebrow" }, `${source.from?.name ?? "A facilitator"} shared a card${source.useq ? " with you" : ""}`),
      ...cardBody(source.card),
    );
  },
  room_changed(node, { source }) {
    node.append(...changes(source).map((text) => el("p", {}, text)));
  },
  whisper(node, { source }, { me, act }) {
    const mine = source.from?.id === me.id;
    const other = mine ? act.person(source.to) : source.from;
    privately(node, mine ? `You, privately to ${other.name || "them"}` : `${other.name}, privately to you`, source, [
      body(source.text),
      !mine && el("div", { class: "row" }, button("Answer privately", () => act.whisper(other), { class: "small" })),
    ]);
  },
  helped(node, { source }) {
    privately(node, "You, privately to our team", source, [
      source.text && body(source.text),
      el("p", { class: "hint" }, WORDS.help.sentNote),
    ]);
  },
  masked(node, { source }) {
    privately(node, WORDS.help.forYou, source, [el("p", {}, WORDS.held.masked), reasons(source.reasons)]);
  },
  held_decided(node, { source }, { act }) {
    const kept = source.action !== "approve" && source.action !== "warn" && source.action !== "dismiss";
    privately(node, WORDS.help.forYou, source, [
      el("p", {}, source.text || (kept ? WORDS.held.keptBack : WORDS.held.released)),
      kept && source.was && el("div", { class: "was" }, el("p", { class: "hint" }, WORDS.held.youWrote), body(source.was)),
      kept && source.flag
        && el("div", { class: "row" }, button("Ask for another look", () => act.appeal(source.flag), { class: "small" })),
    ]);
  },
  muted(node, { source }, { act }) {
    privately(node, WORDS.help.forYou, source, [
      el("p", {}, source.text),
      source.flag
        && el("div", { class: "row" }, button("Ask for another look", () => act.appeal(source.flag), { class: "small" })),
    ]);
  },
  aside(node, { source }, { act }) {
    const words = WORDS.talk;
    const isMine = source.with?.role === "participant";
    privately(node, WORDS.help.forYou, source, [
      el("p", {}, isMine ? words.yours(source.with.name) : words.invited(source.with?.name)),
      source.supervisor && el("p", { class: "hint" }, words.supervised(source.supervisor.name)),
      el(
        "div",
        { class: "row" },
        button(words.accept, () => act.talk(source), { class: "small primary" }),
        button(isMine ? words.withdraw : words.decline, () => act.endTalk(source.side_room), { class: "small quiet" }),
      ),
    ]);
  },
};

/** What a coping card says: its name, its steps, where it is from. */
export function cardBody(card) {
  return [
    el("h3", {}, card?.name ?? card?.title ?? "Something to try"),
    card?.text && el("p", {}, card.text),
    card?.steps?.length > 0 && el("ol", {}, card.steps.map((step) => el("li", {}, step))),
    card?.source && el("p", { class: "hint" }, card.source),
  ].filter(Boolean);
}

function drawMessage(node, { source, together, quoted, pinned, hidden }, view) {
  const mine = source.from?.id === view.me.id;
  node.classList.toggle("together", Boolean(together));
  node.classList.toggle("mine", mine);
  if (!together) node.append(avatar(source.from));
  const head = el(
    "p",
    { class: together ? "by heard" : "by" },
    el("span", { class: "name" }, source.from?.name ?? ""),
    mine && el("span", { class: "tag" }, "You"),
    !mine && ROLES[source.from?.role] && el("span", { class: "tag staff" }, ROLES[source.from.role]),
    el("time", { datetime: new Date(source.at).toISOString() }, clock(source.at)),
  );
  const bubble = el("div", { class: "bubble" });
  const said = el("div", { class: "said" }, head, bubble);
  if (source.retracted) {
    bubble.classList.add("gone");
    bubble.append(el("p", { class: "hint" }, "This message is no longer here."));
    node.append(said);
    return;
  }
  if (hidden) {
    bubble.classList.add("gone");
    bubble.append(el("p", { class: "hint" }, "You've chosen not to see this person's messages."));
    node.append(said);
    return;
  }
  if (source.reply_to) bubble.append(quote(quoted, source.reply_to, view));
  const isCovered = source.warning && !mine && !view.revealed.has(source.seq);
  if (source.warning) bubble.append(warning(source, isCovered, view));
  if (!isCovered) bubble.append(body(source.text));
  if (source.edits?.length) bubble.append(el("span", { class: "hint edited" }, "edited"));
  if (pinned) bubble.append(el("span", { class: "hint pinned" }, icon("pin"), "pinned"));
  said.append(reactionRow(source, view));
  node.append(said, tools(source, view));
}

/** A message's words, its line breaks kept. */
export function body(text = "") {
  return el("p", { class: "text", dir: "auto" }, text);
}

function warning(source, isCovered, { act }) {
  return el(
    "div",
    { class: "warning" },
    el("p", {}, el("span", { class: "eyebrow" }, "Content warning"), " ", source.warning),
    isCovered && button("Show the message", () => act.reveal(source.seq), { class: "small", data: { act: "reveal" } }),
  );
}

function quote(quoted, seq, { act }) {
  const text = quoted && !quoted.retracted && !quoted.warning ? quoted.text ?? "" : "an earlier message";
  const short = text.length > QUOTE ? `${text.slice(0, QUOTE).trimEnd()}…` : text;
  return button(
    [el("span", { class: "name" }, quoted?.from?.name ?? "Earlier"), " ", el("span", {}, short)],
    () => act.jump(seq),
    { class: "quote", tabindex: -1 },
  );
}

function reactionRow(source, { mine, act, reactions }) {
  const given = Object.entries(source.reactions ?? {}).filter(([, count]) => count > 0);
  return el(
    "div",
    { class: "reactions" },
    given.map(([reaction, count]) =>
      button([face(reaction), el("span", {}, String(count))], () => act.react(source.seq, reaction), {
        class: "reaction",
        tabindex: -1,
        "aria-pressed": String(mine.has(`${source.seq} ${reaction}`)),
        disabled: !reactions.includes(reaction),
      })),
  );
}

function tools(source, { act, reactions }) {
  return el(
    "div",
    { class: "tools" },
    reactions.length > 0 && menuButton(
      "React",
      () => reactions.map((reaction) => ({
        label: [el("span", { "aria-hidden": "true" }, reaction), ` ${called(reaction)}`],
        act: () => act.react(source.seq, reaction),
      })),
      { class: "quiet round", tabindex: -1, data: { act: "react" } },
      icon("smile"),
    ),
    el(
      "button",
      { type: "button", class: "quiet round", "aria-label": "Reply", tabindex: -1, data: { act: "reply" }, on: { click: () => act.reply(source) } },
      icon("reply"),
    ),
    menuButton("More for this message", () => act.menu(source), { class: "quiet round more", tabindex: -1, data: { act: "more" } }, icon("more")),
  );
}

function drawUnsent(node, { source }, { act }) {
  const bubble = el("div", { class: "bubble" }, body(source.text));
  const status = el("p", { class: "status", role: "status" });
  if (source.state === "refused") {
    bubble.classList.add("refused");
    status.append(`${WORDS.held.refused}. ${source.problem?.text ?? ""}`);
  } else {
    status.append(source.state === "waiting" ? act.waitText(source) : act.sendingText());
  }
  const row = source.state === "sending"
    ? null
    : el(
        "div",
        { class: "row" },
        button("Change it", () => act.rewrite(source), { class: "small" }),
        source.state === "refused" && button("Send to our team instead", () => act.toTeam(source), { class: "small" }),
        button("Let it go", () => act.drop(source.key), { class: "small quiet" }),
      );
  node.classList.add("mine");
  node.append(el("div", { class: "said" }, bubble, status, row));
}

function drawHeld(node, { source }, { act }) {
  const kept = source.verdict === "blocked";
  privately(node, kept ? WORDS.held.blocked : WORDS.held.title, source, [
    body(source.text),
    el("p", { class: "hint" }, kept ? WORDS.held.blockedLead : WORDS.held.lead),
    reasons(source.reasons),
    el(
      "div",
      { class: "row" },
      button("Change it and send again", () => act.resend(source), { class: "small" }),
      button("Take it back", () => act.withdraw(source.key), { class: "small quiet" }),
    ),
  ]);
}

function privately(node, title, source, parts) {
  node.classList.add("private");
  node.append(
    el(
      "div",
      { class: "note" },
      el("p", { class: "by" }, el("span", { class: "name" }, title), el("time", { datetime: new Date(source.at).toISOString() }, clock(source.at))),
      ...parts.filter(Boolean),
    ),
  );
}

function reasons(list = []) {
  const texts = [...new Set(list.map((reason) => reason.text).filter(Boolean))];
  if (texts.length < 2) return texts.length ? el("p", { class: "reasons" }, texts[0]) : null;
  return el("ul", { class: "reasons" }, texts.map((text) => el("li", {}, text)));
}

/** How the room runs now, in words; what is not worth a line gives none. */
export function changes(event) {
  const lines = [];
  if (event.topic !== undefined) lines.push(event.topic ? `The topic is now “${event.topic}”.` : "The topic was cleared.");
  if (event.phase !== undefined && PHASES[event.phase]) lines.push(`We move on to: ${PHASES[event.phase].toLowerCase()}.`);
  if (event.slow_mode !== undefined) {
    lines.push(event.slow_mode ? `Slow mode: one message every ${event.slow_mode} seconds.` : "Slow mode is off.");
  }
  if (event.locked !== undefined) lines.push(event.locked ? "The conversation is paused." : "The conversation is open again.");
  if (event.closed !== undefined) lines.push(event.closed ? "The room is closed." : "The room is open again.");
  if (event.turns !== undefined) lines.push(event.turns ? "We speak in turns now. Raise your hand for one." : "Everyone can write freely again.");
  if (event.hold !== undefined && HOLDS[event.hold]) {
    lines.push(event.hold === "none" ? "Messages go straight to the room again." : `${HOLDS[event.hold]}.`);
  }
  return lines;
}
