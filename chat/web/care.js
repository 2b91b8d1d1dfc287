/**
 * Support that one person is shown, and the line to the team: quiet, never lost, never in the way.
 *
 * Cards come in by key. The newest one that was not put away stands above the composer; all of them stay under
 * Support. A note about violence at home stays folded, since somebody else may see the screen.
 */

import { announce, button, byId, el, fill, icon, say } from "./dom.js";
import { form, openDialog } from "./dialogs.js";
import { paragraphs, helplineLink } from "./entrance.js";
import { groundingButtons, openBreathing } from "./grounding.js";
import { keepAway, keptAway } from "./identity.js";
import { SEVERITIES, WORDS } from "./words.js";

/** Whether a link from a card may be followed: the secure web, nothing else. */
export function isSafeLink(url) {
  return typeof url === "string" && url.startsWith("https://");
}

/** Whether a card should not be readable over somebody's shoulder. */
export function isFolded(card) {
  return card.neutral === true;
}

/** Whether a card is only a quiet link. */
export function isQuiet(card) {
  return card.quiet || (SEVERITIES[card.severity]?.rank ?? 2) < SEVERITIES.moderate.rank;
}

/** Whether a card is about danger that is near. */
export function isPressing(card) {
  return (SEVERITIES[card.severity]?.rank ?? 0) >= SEVERITIES.high.rank;
}

/** One helpline: its name and the ways to reach it, each a link that a phone can follow. */
export function helpline(line) {
  const ways = [];
  const dial = line.dial ? String(line.dial).replace(/[^\d+*#]/g, "") : "";
  const sms = line.sms ? String(line.sms).replace(/[^\d+]/g, "") : "";
  if (dial) ways.push(way(`tel:${dial}`, `Call ${line.dial}`));
  if (sms) {
    const word = line.keyword ? `?body=${encodeURIComponent(line.keyword)}` : "";
    ways.push(way(`sms:${sms}${word}`, line.keyword ? `Text ${line.keyword} to ${line.sms}` : `Text ${line.sms}`));
  }
  for (const url of [line.chat_url, line.url]) {
    // What is neither called nor written to is a place to look, not somebody who answers.
    const isChat = url === line.chat_url && (dial || sms);
    if (isSafeLink(url)) ways.push(way(url, isChat ? "Chat online" : "Open the page"));
  }
  return el(
    "li",
    { class: "helpline" },
    el("p", { class: "helpline-name" }, line.name ?? line.title ?? "", line.hours && el("span", { class: "hint" }, ` ${line.hours}`)),
    ways.length > 0 && el("p", { class: "ways" }, ways),
  );
}

function way(href, label) {
  const isWeb = href.startsWith("https:");
  return el("a", { class: "way", href, rel: isWeb ? "noreferrer noopener" : null, target: isWeb ? "_blank" : null }, label);
}

/** What else there is: an exercise here, a page elsewhere, the way out. */
function resource({ kind, title, url }, onPrivate) {
  if (kind === "private_word") return onPrivate && button(title, onPrivate, { class: "link" });
  if (kind === "grounding") return button(title, openBreathing, { class: "link" });
  if (kind === "quick_exit") return button(title, () => document.dispatchEvent(new Event("leave-now")), { class: "link" });
  return isSafeLink(url) && el("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, title);
}

/** A card's words and lines. `onMisread` takes what the person says they meant, `onPrivate` leads to the team's line. */
export function supportCard(card, { onMisread, onPrivate }) {
  const shown = new Set((card.helplines ?? []).flatMap((line) => [line.chat_url, line.url]));
  const [first = [], ...rest] = paragraphs(card.text ?? "").flat();
  return el(
    "div",
    { class: `support-words ${card.severity}` },
    first,
    card.helplines?.length > 0 && el("ul", { class: "helplines" }, card.helplines.map(helpline)),
    rest,
    el(
      "p",
      { class: "others" },
      (card.resources ?? []).filter((one) => !one.url || !shown.has(one.url)).map((one) => resource(one, onPrivate)),
      onMisread && button(WORDS.help.misread, onMisread, { class: "link" }),
    ),
  );
}

/** Say aloud that a card came: its words, unless somebody else might hear them. */
export function sayCare(event) {
  if (event?.type !== "support") return;
  const aloud = isFolded(event) ? WORDS.help.folded : `${WORDS.help.forYou}: ${event.text ?? ""}`;
  announce(isQuiet(event) ? WORDS.help.quiet : aloud, { assertive: event.severity === "imminent" });
}

/** The place above the composer, and the dialog behind the Support button, of one room. */
export class CareView {
  #session;
  #away;
  #open = new Set();

  constructor(session) {
    this.#session = session;
    this.#away = keptAway(session.room);
    this.node = el("section", { class: "tray", "aria-label": "Support, for you alone", hidden: true });
  }

  /** Draw the newest card that was not put away. */
  show() {
    const card = this.#cards().findLast((one) => !this.#away.has(stamp(one)));
    this.node.hidden = !card;
    if (!card) {
      fill(this.node);
      return;
    }
    this.node.className = `tray ${isQuiet(card) ? "quiet-tray" : card.severity}`;
    if (isQuiet(card)) this.#showQuiet(card);
    else if (isFolded(card) && !this.#open.has(card.key)) this.#showFolded(card);
    else this.#showCard(card);
  }

  #showQuiet(card) {
    fill(
      this.node,
      button([icon("help"), WORDS.help.quiet], () => this.openDialog(), { class: "link" }),
      this.#putAway(card),
    );
  }

  #showFolded(card) {
    const unfold = () => {
      this.#open.add(card.key);
      this.show();
    };
    fill(this.node, button([icon("help"), WORDS.help.folded], unfold, { class: "link", "aria-expanded": "false" }), this.#putAway(card));
  }

  #showCard(card) {
    fill(
      this.node,
      el("div", { class: "tray-head" }, el("h2", {}, icon("help"), WORDS.help.forYou), this.#putAway(card)),
      supportCard(card, { onMisread: () => this.misread(), onPrivate: () => this.openDialog() }),
    );
  }

  #putAway(card) {
    const act = () => {
      this.#away.add(stamp(card));
      keepAway(this.#session.room, this.#away);
      this.show();
      byId("draft")?.focus();
    };
    return button(WORDS.help.putAway, act, { class: "small quiet", title: WORDS.help.kept });
  }

  #cards() {
    return this.#session.state.own.support;
  }

  /** All there is for somebody who needs something: the team, the cards so far, a way to find ground. */
  openDialog() {
    const words = WORDS.help;
    const cards = this.#cards().toReversed();
    // In danger, what can be called comes before what can be written.
    const first = cards[0] && isPressing(cards[0]) ? 1 : 0;
    const kept = (card) => foldedCard(card, { onMisread: () => this.misread() });
    openDialog({
      title: words.title,
      tone: "care",
      build: (close) => [
        cards.slice(0, first).map(kept),
        el("p", { class: "lead" }, words.lead),
        this.helpForm({ onSent: close }),
        el("h3", {}, "A moment for yourself"),
        groundingButtons(),
        cards.length > first && [el("h3", {}, words.cards), cards.slice(first).map(kept)],
        cards.length === 0 && [el("h3", {}, words.cards), el("p", { class: "hint" }, words.noCards)],
        el("p", { class: "hint" }, words.soon),
        el("p", { class: "elsewhere" }, helplineLink()),
      ],
    });
  }

  /** The private line to the team; works in every state of the room. `tells`: say by itself that it went out. */
  helpForm({ onSent, tells = true }) {
    const words = WORDS.help;
    const made = form({
      fields: [{ name: "text", label: words.label, hint: words.labelHint, kind: "textarea", maxlength: 4000 }],
      confirm: words.send,
      act: async ({ text }) => {
        await this.#session.help(text);
        made.fields.text.input.value = "";
        onSent();
        if (tells) say(words.sent);
      },
    });
    return made.node;
  }

  /** Tell the team that a card was not called for; it changes nothing else. */
  misread() {
    const words = WORDS.help;
    openDialog({
      title: words.misreadTitle,
      tone: "care",
      build: (close) => [
        el("p", { class: "lead" }, words.misreadLead),
        form({
          fields: [{ name: "text", label: "What you meant", kind: "textarea", autofocus: true, maxlength: 3000 }],
          confirm: "Tell our team",
          cancel: { label: "Cancel", act: close },
          act: async ({ text }) => {
            await this.#session.help(`About the support I was shown, I meant it differently. ${text}`.trim());
            close();
            say("Thank you. Our team will read it.");
          },
        }).node,
      ],
    });
  }
}

/** A card as often as it says something new: by key, again once a person attends, and when nobody has come. No words. */
export function stamp(card) {
  let sum = 0;
  for (const letter of card.text ?? "") sum = (sum * 31 + letter.codePointAt(0)) % 1_000_003;
  return `${card.key} ${Boolean(card.seen)} ${sum}`;
}

function foldedCard(card, { onMisread }) {
  const title = isFolded(card) ? WORDS.help.folded : WORDS.help.forYou;
  const box = el("details", { class: "kept-card" }, el("summary", {}, title), supportCard(card, { onMisread }));
  box.open = !isFolded(card);
  return box;
}

/** Support where there is no room yet: ground under one's feet, and a line anywhere. */
export function openPlainSupport() {
  openDialog({
    title: WORDS.help.title,
    tone: "care",
    body: [
      el("p", { class: "lead" }, WORDS.help.soon),
      el("p", { class: "elsewhere" }, helplineLink()),
      el("h3", {}, "A moment for yourself"),
      groundingButtons(),
    ],
  });
}
