/** The room as a view: the log, the pins, support, the composer, and what the side panel holds. */

import { attempt, messageMenu } from "./actions.js";
import { CareView, sayCare } from "./care.js";
import { Composer } from "./composer.js";
import { openControls } from "./controls.js";
import { announce, button, byId, el, fill, icon, say, wait } from "./dom.js";
import { ask } from "./dialogs.js";
import { LogView } from "./log.js";
import { askFor } from "./pairs.js";
import { keepHidden, PeopleView } from "./people.js";
import { find, person } from "./state.js";
import { parentOf } from "./talk.js";
import { timeline } from "./timeline.js";
import { problemText, WORDS } from "./words.js";

/** `app`: `me`, `limits`, `openRoom`, `hidden` (a set of user ids), `cards`, `mayBan`, `onRoomChange()`. */
export class RoomView {
  #app;
  #away = null;
  #off;
  #timer;
  #pins;
  #typing;
  #banner;
  #talk = null;

  constructor(app, session) {
    this.#app = app;
    this.session = session;
    this.revealed = new Set();
    this.care = new CareView(session);
    this.people = new PeopleView(this);
    this.composer = new Composer({ session, limit: app.limits.text ?? 4000, cards: () => app.cards });
    this.log = new LogView({ view: this.#view(), older: () => this.#older() });
    this.#pins = el("section", { class: "pins", "aria-label": "Pinned", hidden: true });
    this.#banner = el("div", { class: "banner", role: "status", hidden: true });
    this.#typing = el("p", { class: "typing hint", "aria-hidden": "true" }, " ");
    this.#talk = this.#talkBar();
    this.node = el("div", { class: "room" }, this.#talk, this.#pins, this.#banner, this.log.node, this.#typing, this.care.node, this.composer.node);
    this.#off = session.on((causes) => this.#changed(causes));
    this.#timer = setInterval(() => this.#tick(), 1_000);
    this.#hearTalks();
  }

  /** Put the view on the page. */
  open() {
    const main = byId("main");
    main.className = "in-room";
    fill(main, el("h1", { class: "heard" }, this.session.state.title || "The room"), this.node);
    this.#draw();
    this.log.toEnd(false);
    this.composer.focus();
  }

  /** Above a private talk: that it is one, with whom, and the two ways out of it. */
  #talkBar() {
    const { room } = this.session;
    const parent = parentOf(room);
    if (!parent) return null;
    return el(
      "section",
      { class: "talk-bar", "aria-label": WORDS.talk.name },
      el("p", { role: "status" }),
      el(
        "div",
        { class: "row" },
        button([icon("back"), WORDS.talk.back], () => this.#app.openRoom(parent), { class: "small" }),
        button(WORDS.talk.end, () => this.#app.talks.end(room), { class: "small quiet" }),
      ),
    );
  }

  #showTalk() {
    if (!this.#talk) return;
    const { state, me, room } = this.session;
    const others = state.members.filter((member) => member.id !== me.id);
    const name = this.#app.talks.other(room);
    const words = [WORDS.talk.alone(others[0]?.name || name), others.length === 0 && WORDS.talk.waits(name)];
    const line = this.#talk.querySelector("p");
    const text = words.filter(Boolean).join(" ");
    if (line.textContent !== text) fill(line, text);
  }

  /** End the view's own clocks and listening. */
  close() {
    clearInterval(this.#timer);
    this.#off();
  }

  /** To one message of this room; fetches earlier pages until it is there. */
  async goTo(seq) {
    for (let tries = 0; tries < 20 && !find(this.session.state, seq); tries += 1) {
      if (!(await this.session.older().catch(() => false))) break;
      await Promise.resolve();
    }
    this.#draw();
    if (!this.log.jump(seq)) say("That message is further back than we can show.");
  }

  isHidden(id) {
    return this.#app.hidden.has(id);
  }

  offerTalk(who) {
    this.#app.talks.offer(this.session.room, who);
  }

  toggleHidden(who) {
    if (this.#app.hidden.has(who.id)) this.#app.hidden.delete(who.id);
    else this.#app.hidden.add(who.id);
    keepHidden(this.session, this.#app.hidden);
    this.#draw();
  }

  async react(seq, reaction) {
    try {
      await this.session.react(seq, reaction);
      this.log.redraw(`seq ${seq}`);
    } catch (problem) {
      say(problemText(problem));
    }
  }

  get mayBan() {
    return this.#app.mayBan;
  }

  /** Whether this person may ask for what takes two. */
  get mayAsk() {
    return this.#app.mayAsk;
  }

  askFor(what, who) {
    askFor(what, this.#app, who);
  }

  get cards() {
    return this.#app.cards;
  }

  controls() {
    openControls(this.session);
  }

  #view() {
    const { session } = this;
    return {
      me: session.me,
      revealed: this.revealed,
      get mine() {
        return session.mine;
      },
      get reactions() {
        return session.state.reactions ?? [];
      },
      act: {
        person: (id) => person(session.state, id),
        reveal: (seq) => {
          this.revealed.add(seq);
          this.log.redraw(`seq ${seq}`);
        },
        jump: (seq) => this.goTo(seq),
        react: (seq, reaction) => this.react(seq, reaction),
        reply: (entry) => this.composer.reply(entry),
        menu: (entry) => messageMenu(this, entry),
        whisper: (who) => this.composer.whisper(who),
        talk: (invitation) => this.#app.talks.accept(invitation),
        endTalk: (side) => this.#app.talks.end(side),
        appeal: (flag) => this.#appeal(flag),
        resend: (held) => this.composer.resend(held),
        withdraw: (key) => session.withdraw(key).catch((problem) => say(problemText(problem))),
        rewrite: (item) => this.composer.rewrite(session.outbox.drop(item.key)),
        toTeam: (item) => this.#toTeam(item),
        drop: (key) => session.outbox.drop(key),
        waitText: (item) => WORDS.composer.waiting(wait((item.until - Date.now()) / 1000)),
        sendingText: () => (this.#app.isOpen() ? WORDS.composer.sending : WORDS.composer.unsure),
      },
    };
  }

  #changed(causes) {
    let arrived = 0;
    for (const cause of causes) {
      if (cause.joined) this.#cameBack(cause);
      if (cause.event) arrived += this.#heard(cause.event);
      if (cause.posted?.verdict === "held") announce(`${WORDS.held.title}. ${WORDS.held.lead}`);
      if (cause.posted?.verdict === "blocked") announce(`${WORDS.held.blocked}. ${WORDS.held.blockedLead}`);
    }
    this.#draw(arrived);
    this.#app.onRoomChange(this);
  }

  /** Say aloud what came; count what others wrote. */
  #heard(event) {
    sayCare(event);
    if (event.type === "whisper" && event.from?.id !== this.session.me.id) {
      announce(`${event.from?.name}, privately: ${event.text}`);
      return 1;
    }
    if (event.type === "held_decided" && event.text) announce(event.text);
    if (event.type === "removed") this.#app.onRemoved(this);
    if (event.type === "aside") {
      this.#app.talks.heard(event);
      if (!event.is_over && event.with?.role !== "participant") announce(WORDS.talk.invited(event.with?.name));
    }
    if (event.type !== "message" || event.from?.id === this.session.me.id || this.isHidden(event.from?.id)) return 0;
    announce(event.warning
      ? `${event.from?.name} wrote something with a content warning: ${event.warning}`
      : `${event.from?.name}: ${event.text}`);
    return 1;
  }

  /** Private talks that were offered, or begun, before this page was here. */
  #hearTalks() {
    for (const note of this.session.state.own.notes) {
      if (note.type === "aside") this.#app.talks.heard(note);
    }
  }

  #cameBack({ first, recovered, why, missed }) {
    this.#hearTalks();
    if (first) return;
    const words = WORDS.back;
    if (recovered) {
      this.#away = missed ? this.awayFrom ?? null : null;
      this.#tell(missed ? words.some(missed) : words.nothing, missed ? 12 : 6);
    } else {
      this.#away = null;
      this.#tell(`${words.notAll} ${words.why[why] ?? ""}`.trim(), 30);
    }
  }

  /** The line went: from here on one was away. */
  lineLost() {
    this.awayFrom = this.session.state.head;
    this.session.pause();
  }

  /** A word to the whole room: it stays for a while, and is heard. */
  notice(text) {
    announce(text);
    this.#tell(text, 60);
  }

  #tell(text, seconds) {
    clearTimeout(this.told);
    const close = () => {
      this.#banner.hidden = true;
    };
    fill(this.#banner, el("span", {}, text), el("button", { type: "button", class: "quiet round", "aria-label": "Close", on: { click: close } }, icon("close")));
    this.#banner.hidden = false;
    this.told = setTimeout(close, seconds * 1000);
  }

  #draw(arrived = 0) {
    const { session } = this;
    const items = timeline({
      state: session.state,
      local: session.local,
      unsent: session.outbox.items,
      away: this.#away,
      hidden: this.#app.hidden,
    });
    this.log.show(items, { whole: session.state.whole, arrived });
    this.#drawPins();
    this.#showTalk();
    this.care.show();
    this.composer.show();
    this.people.show();
    const writing = session.state.typing.filter((id) => id !== session.me.id).map((id) => person(session.state, id).name).filter(Boolean);
    const text = writing.length > 2 ? "Several people are writing…" : writing.length ? `${writing.join(" and ")} ${writing.length > 1 ? "are" : "is"} writing…` : " ";
    if (this.#typing.textContent !== text) fill(this.#typing, text);
  }

  #drawPins() {
    const { state, isStaff } = this.session;
    const pins = state.pins.map((seq) => find(state, seq) ?? state.pinned.find((pin) => pin.seq === seq) ?? { seq });
    const signature = pins.map((pin) => `${pin.seq} ${pin.text} ${pin.warning}`).join("|") + isStaff;
    if (signature === this.pinned) return;
    this.pinned = signature;
    this.#pins.hidden = pins.length === 0;
    fill(this.#pins, el("ul", {}, pins.map((pin) => {
      const text = pin.warning ? `Content warning: ${pin.warning}` : pin.text ?? "A message";
      const inside = [icon("pin"), el("span", { class: "name" }, pin.from?.name), el("span", { class: "pin-text" }, text)];
      const unpin = () => attempt(this.session, "unpin", { seq: pin.seq });
      return el(
        "li",
        {},
        button(inside, () => this.goTo(pin.seq), { class: "pin-jump" }),
        isStaff && el("button", { type: "button", class: "quiet round", "aria-label": "Unpin", on: { click: unpin } }, icon("close")),
      );
    })));
  }

  #older() {
    return this.session.older().catch((problem) => {
      if (problem.name !== "Lost") say(problemText(problem));
      return false;
    });
  }

  async #toTeam(item) {
    try {
      await this.session.help(item.text);
      this.session.outbox.drop(item.key);
    } catch (problem) {
      say(problemText(problem));
    }
  }

  #appeal(flag) {
    ask({
      title: "Ask for another look",
      lead: "Somebody else from our team reads it again.",
      fields: [{ name: "text", label: "What would you like them to know?", kind: "textarea", maxlength: 2000, required: true }],
      confirm: "Send",
      act: async ({ text }) => {
        await this.session.sendAnywhere("appeal", { flag, text });
        say("Thank you. Somebody else will look at it.");
      },
    });
  }

  #tick() {
    this.log.tick();
    if (this.session.state.you.muted_until) this.composer.show();
  }
}
