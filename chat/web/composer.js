/**
 * Where the person writes: the draft and what it is for, kept until it has gone out.
 *
 * A purpose is one of: a message to the room (perhaps a reply, perhaps with a warning, perhaps in place of a held one),
 * a change to one's own message, a private word to somebody, or, where one can't post, a line to the team.
 */

import { shareCard } from "./cards.js";
import { about, announce, button, el, fill, freshId, icon, say, wait } from "./dom.js";
import { keepDraft, keptDraft } from "./identity.js";
import { isMuted, person } from "./state.js";
import { parentOf } from "./talk.js";
import { problemText, WORDS } from "./words.js";

const TALLEST = 220;
const SAY_LEFT = 300;
const TYPING_EVERY = 4_000;

/** `limit` is the longest text, in code points; `cards` gives the toolbox, to staff. */
export class Composer {
  #session;
  #limit;
  #purpose = { kind: "post" };
  #typed = 0;
  #warn;
  #chip;
  #note;
  #box;
  #send;
  #hand;
  #left;
  #share;
  #cards;
  #mode = "room";

  constructor({ session, limit, cards }) {
    this.#session = session;
    this.#limit = limit;
    const words = WORDS.composer;
    const hintId = freshId("hint");
    this.#note = el("p", { class: "composer-note", hidden: true });
    this.#chip = el("div", { class: "chip", hidden: true });
    this.#box = el("textarea", { id: "draft", rows: 1, "aria-describedby": hintId, dir: "auto", enterkeyhint: "send", placeholder: words.label });
    this.#warn = el("input", { id: freshId("warning"), type: "text", maxlength: 120, placeholder: "for example: loss, hospital" });
    this.warnRow = el("div", { class: "warn-row", hidden: true }, el("label", { for: this.#warn.id }, "Content warning"), this.#warn);
    this.#send = el("button", { type: "submit", class: "primary send" }, el("span", {}, "Send"), icon("send"));
    this.#hand = button([icon("hand"), el("span", {}, "Raise hand")], () => this.#raise(), { class: "small", hidden: true, "aria-pressed": "false" });
    this.#left = el("span", { class: "hint left", role: "status" });
    this.#label = el("label", { for: "draft", class: "heard" }, words.label);
    const warnToggle = button("Add a content warning", () => this.#toggleWarning(), { class: "link small", "aria-expanded": "false" });
    this.warnToggle = warnToggle;
    this.#share = button("Share a card", () => shareCard(session, cards()), { class: "link small", hidden: true });
    this.#cards = cards;
    this.node = el(
      "form",
      { class: "composer" },
      this.#note,
      this.#chip,
      this.warnRow,
      el("div", { class: "composer-row" }, this.#label, this.#box, this.#send),
      el("div", { class: "composer-foot" }, this.#hand, warnToggle, this.#share, this.#left, el("span", { class: "hint keys", id: hintId }, words.hint)),
    );
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("input", () => this.#wrote());
    this.#warn.addEventListener("input", () => this.#keep());
    this.#restore();
  }

  #label;

  focus() {
    this.#box.focus();
  }

  /** Fit the room as it is now: who may write, to whom, and why. */
  show(now = Date.now()) {
    const { state } = this.#session;
    const words = WORDS.composer;
    const muted = isMuted(state, now);
    const closed = state.closed && !muted;
    const locked = state.locked && !closed && !this.#session.isStaff;
    const waits = state.turns && !closed && !this.#session.isStaff && state.speaker !== this.#session.me.id;
    this.#mode = muted || closed ? "team" : locked || waits ? "paused" : "room";
    const until = state.you.muted_until ? ` for about ${about((state.you.muted_until - now) / 1000)}` : " for now";
    const notes = [
      muted && words.muted(until),
      closed && words.closed,
      !muted && locked && words.locked,
      state.turns && !closed && state.speaker === this.#session.me.id && words.yourTurn,
      !muted && !locked && waits && words.notYourTurn(person(state, state.speaker).name),
      state.turns && !closed && this.#session.isStaff && state.speaker !== this.#session.me.id
        && words.turns(state.speaker && (person(state, state.speaker).name || "Somebody"), state.hands.filter((id) => id !== state.speaker).length),
      state.hold === "all" && !closed && !this.#session.isStaff && words.held,
      state.slow_mode > 0 && !closed && !this.#session.isStaff && words.slow(wait(state.slow_mode)),
    ].filter(Boolean);
    this.#note.hidden = notes.length === 0;
    if (this.#note.textContent !== notes.join(" ")) fill(this.#note, notes.join(" "));
    const isPrivate = this.#mode !== "room" || this.#purpose.kind === "whisper";
    this.node.classList.toggle("private", isPrivate);
    const label = this.#mode === "room" ? this.#toRoom() : words.toTeam;
    const asked = this.#purpose.kind === "whisper" ? `Write privately to ${this.#purpose.to.name}` : label;
    if (this.#label.textContent !== asked) {
      fill(this.#label, asked);
      this.#box.placeholder = asked;
    }
    fill(this.#send.firstChild, this.#mode === "room" || this.#purpose.kind !== "post" ? this.#verb() : "Send to our team");
    this.#hand.hidden = !state.turns || muted || closed;
    const isUp = state.hands.includes(this.#session.me.id);
    this.#hand.setAttribute("aria-pressed", String(isUp));
    fill(this.#hand.lastChild, isUp ? "Lower hand" : "Raise hand");
    this.warnToggle.hidden = isPrivate || this.#purpose.kind === "edit" || !this.warnRow.hidden;
    this.#share.hidden = !this.#session.isStaff || this.#cards().length === 0;
    this.#count();
  }

  /** Whom a message goes to: the group, or whoever a private talk is with. */
  #toRoom() {
    const { room, state, me } = this.#session;
    if (!parentOf(room)) return WORDS.composer.label;
    const others = state.members.filter((member) => member.id !== me.id);
    return WORDS.composer.talk(others.length === 1 ? others[0].name : "");
  }

  /** Answer a message. */
  reply(entry) {
    this.#aim({ kind: "post", reply_to: entry.seq, name: entry.from?.name });
  }

  /** Change one's own message. */
  edit(entry) {
    this.#aim({ kind: "edit", seq: entry.seq }, entry.text);
  }

  /** A private word to somebody. */
  whisper(to) {
    this.#aim({ kind: "whisper", to });
  }

  /** Write a held text anew; the old one can then no longer be released. */
  resend(held) {
    this.#aim({ kind: "post", replaces: held.key }, held.text);
  }

  /** Take a text back into the box that could not be sent. */
  rewrite(item) {
    this.#aim({ kind: "post", reply_to: item.reply_to, replaces: item.replaces }, item.text);
    if (item.warning) this.#setWarning(item.warning);
  }

  #aim(purpose, text) {
    if (text !== undefined) {
      if (this.#box.value.trim() && this.#purpose.kind === "post") this.kept = this.#box.value;
      this.#box.value = text;
    }
    this.#purpose = purpose;
    this.#drawChip();
    this.#keep();
    this.#fit();
    this.show();
    this.#box.focus();
  }

  #clear() {
    this.#purpose = { kind: "post" };
    this.#box.value = this.kept ?? "";
    this.kept = undefined;
    this.#setWarning("");
    this.#drawChip();
    this.#keep();
    this.#fit();
    this.show();
  }

  #drawChip() {
    const { kind, reply_to: reply, replaces, name, to } = this.#purpose;
    const text = kind === "edit" ? "Changing your message"
      : kind === "whisper" ? `Privately to ${to.name}; the group does not see it`
      : replaces ? "Writing your message anew"
      : reply ? `Replying to ${name ?? "a message"}`
      : "";
    this.#chip.hidden = !text;
    fill(this.#chip, text && [
      el("span", {}, text),
      el("button", { type: "button", class: "quiet round", "aria-label": `Stop: ${text}`, on: { click: () => this.#cancel() } }, icon("close")),
    ]);
  }

  #cancel() {
    const { kind, reply_to: reply, replaces } = this.#purpose;
    if (kind === "edit" || replaces) this.#clear();
    else {
      this.#purpose = { kind: "post" };
      this.#drawChip();
      this.#keep();
      this.show();
    }
    if (reply || kind) this.#box.focus();
  }

  #verb() {
    return this.#purpose.kind === "edit" ? "Save" : this.#purpose.kind === "whisper" ? "Send privately" : "Send";
  }

  async #submit() {
    const text = this.#box.value.trim().normalize("NFC");
    if (!text || [...text].length > this.#limit) {
      this.#count();
      return;
    }
    const purpose = this.#purpose;
    const warning = this.#warn.value.trim() || undefined;
    if (purpose.kind === "post" && this.#mode === "room") {
      this.#session.outbox.post({ text, reply_to: purpose.reply_to, replaces: purpose.replaces, warning });
      this.#clear();
      this.#quietTyping();
      return;
    }
    this.#send.disabled = true;
    try {
      if (purpose.kind === "edit") {
        const reply = await this.#session.edit(purpose.seq, text);
        if (reply.verdict !== "delivered") say(WORDS.held.editHeld);
      } else if (purpose.kind === "whisper") await this.#session.whisper(purpose.to.id, text);
      else await this.#session.help(text);
      this.#clear();
    } catch (problem) {
      say(problemText(problem));
    } finally {
      this.#send.disabled = false;
      this.#box.focus();
    }
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      if (this.#mode !== "paused") this.#submit();
    } else if (event.key === "Escape" && !this.#chip.hidden) {
      event.preventDefault();
      this.#cancel();
    } else if (event.key === "ArrowUp" && !this.#box.value && this.#purpose.kind === "post") {
      const last = this.#session.state.log.findLast(
        (entry) => entry.type === "message" && entry.from?.id === this.#session.me.id && !entry.retracted,
      );
      if (last) {
        event.preventDefault();
        this.edit(last);
      }
    }
  }

  #wrote() {
    this.#fit();
    this.#count();
    this.#keep();
    if (this.#purpose.kind !== "post" || this.#mode !== "room" || !this.#box.value) return;
    if (Date.now() - this.#typed > TYPING_EVERY) {
      this.#typed = Date.now();
      this.#session.typing(true);
    }
  }

  #quietTyping() {
    if (this.#typed) this.#session.typing(false);
    this.#typed = 0;
  }

  #fit() {
    this.#box.style.setProperty("height", "auto");
    this.#box.style.setProperty("height", `${Math.min(TALLEST, this.#box.scrollHeight + 2)}px`);
  }

  #count() {
    const left = this.#limit - [...this.#box.value].length;
    const text = left < 0 ? WORDS.composer.tooLong(-left) : left < SAY_LEFT ? `${left} characters left` : "";
    if (this.#left.textContent !== text) fill(this.#left, text);
    this.#send.setAttribute("aria-disabled", String(left < 0));
  }

  #toggleWarning() {
    this.warnRow.hidden = false;
    this.warnToggle.hidden = true;
    this.#warn.focus();
  }

  #setWarning(text) {
    this.#warn.value = text;
    this.warnRow.hidden = !text;
  }

  async #raise() {
    const up = !this.#session.state.hands.includes(this.#session.me.id);
    try {
      await this.#session.send("hand", { up });
      announce(up ? "Your hand is up." : "Your hand is down.");
    } catch (problem) {
      say(problemText(problem));
    }
  }

  /** A draft outlives a reload of the page; a change to a message and a private word do not. */
  #keep() {
    const { room } = this.#session;
    const { unsent } = keptDraft(room);
    const isPost = this.#purpose.kind === "post";
    keepDraft(room, {
      unsent,
      text: isPost ? this.#box.value : this.kept ?? "",
      purpose: isPost ? this.#purpose : undefined,
      warning: this.#warn.value,
    });
  }

  #restore() {
    const { text = "", purpose, warning = "" } = keptDraft(this.#session.room);
    this.#box.value = text;
    if (purpose) this.#purpose = purpose;
    this.#setWarning(warning);
    this.#drawChip();
    requestAnimationFrame(() => this.#fit());
  }
}
