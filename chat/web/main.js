/**
 * The page: from a link to a room, and back again after the line was lost.
 *
 * Holds what the views share: the person, the line, the rooms that are open, the queue for those who look after them.
 */

import { CareView, openPlainSupport } from "./care.js";
import { Connection, freshKey, Lost } from "./connection.js";
import { openSettings } from "./controls.js";
import { announce, say } from "./dom.js";
import { askAgreement, askForLink, askForName, chooseRoom, showEnded, showWaiting } from "./entrance.js";
import { leave, listenForShift } from "./exit.js";
import { Frame } from "./frame.js";
import { forgetAll, isRemembered, keepToken, keptToken, takeLink } from "./identity.js";
import { mayAsk, mayConfirm, PairsView } from "./pairs.js";
import { QueueView } from "./queue.js";
import { RoomView } from "./room.js";
import { RoomSession } from "./session.js";
import { offerCare, parentOf, Talks } from "./talk.js";
import { TeamView } from "./team.js";
import { problemText, RANK, WORDS } from "./words.js";

const CLIENT = "web/1";
/** Notices that everybody in a room reads. */
const ROOM_WORDS = new Set(["quiet", "unstaffed", "closing", "staffed"]);

class App {
  me = null;
  limits = {};
  skew = 0;
  hidden = new Set();
  cards = [];
  avoids = [];
  connection = null;
  #everywhere = null;
  #rooms = [];
  #views = new Map();
  #current = null;
  #queue = null;
  #team = null;
  #pairs = null;
  #entering = null;
  #wanted = null;

  constructor() {
    this.talks = new Talks(this);
    this.frame = new Frame({
      onSupport: () => (this.#current ? this.#current.care.openDialog() : openPlainSupport()),
      onLeave: () => this.#leave(),
      onRetry: () => this.connection?.start(),
    });
    listenForShift(() => this.#leave());
    document.addEventListener("leave-now", () => this.#leave());
  }

  /** Begin with what the address or this device has. */
  start() {
    const link = takeLink();
    if (link.token) {
      keepToken(link.token, isRemembered());
      this.#connect({ token: link.token });
    } else if (link.invite) this.#invited(link.invite);
    else if (keptToken()) this.#connect({ token: keptToken() });
    else this.#askForLink();
  }

  isOpen() {
    return this.connection?.line.state === "open";
  }

  roomTitle(room) {
    const parent = parentOf(room);
    if (parent) return `${WORDS.talk.name}, ${this.roomTitle(parent)}`;
    return this.#rooms.find((one) => one.room === room)?.title || room;
  }

  roleIn(room) {
    const known = parentOf(room) ?? room;
    return this.#views.get(room)?.session.role ?? this.#rooms.find((one) => one.room === known)?.role ?? "participant";
  }

  /** Whether this person may shut others out of all rooms. */
  get mayBan() {
    return RANK[this.#everywhere] >= RANK.moderator;
  }

  /** Whether this person may ask for what takes two. */
  get mayAsk() {
    return mayAsk(this.#everywhere);
  }

  signOut() {
    this.#close();
    this.frame.show({ title: "Hearth" });
    this.#askForLink(WORDS.ended.signedOut);
  }

  #leave() {
    leave(() => this.connection?.stop());
  }

  // ── the way in ────────────────────────────────────────────────────────────────────────────────

  #askForLink(note) {
    askForLink({
      note,
      onLink: (link) => {
        if (link.token) {
          keepToken(link.token, false);
          this.#connect({ token: link.token });
        } else this.#invited(link.invite);
      },
    });
  }

  /** An invitation: name first; what the server says against a name comes back to the same form. */
  #invited(invite, problem, was) {
    askForName({
      problem,
      was,
      onEnter: (chosen) => {
        this.#entering = { invite, chosen };
        // The same key each time that this is sent: a try that nobody answered made nobody else.
        const { name, country } = chosen;
        this.#connect({ token: invite, name, key: freshKey(), ...(country ? { country } : {}) });
      },
    });
  }

  #connect(opening) {
    showWaiting();
    let fields = opening;
    this.connection?.stop();
    this.connection = new Connection({
      hello: () => ({ ...fields, language: navigator.language, client: CLIENT }),
      onEvent: (event) => this.#hear(event),
      onLine: (line) => this.#lineChanged(line),
      onWelcome: (welcome) => {
        if (welcome.token) keepToken(welcome.token, this.#entering?.chosen.remember ?? isRemembered());
        fields = { token: keptToken() ?? opening.token };
        this.#entering = null;
        this.#welcomed(welcome);
      },
    });
    this.connection.start();
  }

  #lineChanged(line) {
    this.frame.showLine(line);
    if (line.state === "waiting") {
      if (!this.me) showWaiting(WORDS.entrance.cantReach);
      for (const view of this.#views.values()) view.lineLost();
    }
    if (line.state === "ended") this.#ended(line);
  }

  #welcomed(welcome) {
    const isFirst = !this.me;
    this.me = { ...welcome.user };
    this.limits = welcome.limits ?? {};
    this.hidden = new Set(welcome.hidden ?? []);
    this.cards = welcome.cards ?? [];
    this.avoids = welcome.avoids ?? [];
    this.#everywhere = welcome.everywhere;
    this.#rooms = welcome.rooms ?? [];
    if (welcome.server?.time) this.skew = welcome.server.time - Date.now();
    if (this.#rooms.some((one) => RANK[one.role] > 0)) this.#watch();
    if (!isFirst) {
      for (const view of this.#views.values()) this.#join(view.session);
      if (this.#current) return;
    }
    if (this.#wanted) this.openRoom(this.#wanted);
    else if (this.#rooms.length === 1) this.openRoom(this.#rooms[0].room);
    else this.#showRooms();
  }

  #showRooms() {
    this.#current = null;
    this.#drawFrame();
    chooseRoom({ rooms: this.#rooms, onRoom: (room) => this.openRoom(room) });
  }

  // ── rooms ─────────────────────────────────────────────────────────────────────────────────────

  /** Show a room, entering it first where need be; at one message if `seq` is given. */
  async openRoom(room, seq) {
    this.#wanted = room;
    const view = this.#views.get(room);
    if (view) {
      this.#show(view, seq);
      return;
    }
    const session = new RoomSession(this.connection, room, this.me);
    await this.#join(session, { seq });
  }

  /** A private word to somebody in a room, from wherever one is. */
  async whisper(room, who) {
    await this.openRoom(room);
    this.frame.closeSide();
    if (this.#current?.session.room === room) this.#current.composer.whisper(who);
  }

  async #join(session, { agree, seq } = {}) {
    try {
      await session.join(agree);
    } catch (problem) {
      this.#notJoined(session, problem);
      return;
    }
    const known = this.#views.get(session.room);
    if (known) return;
    const view = new RoomView(this, session);
    this.#views.set(session.room, view);
    this.#show(view, seq);
  }

  #show(view, seq) {
    this.#current = view;
    this.#wanted = view.session.room;
    this.#drawFrame();
    view.open();
    if (seq) view.goTo(seq);
  }

  #notJoined(session, problem) {
    if (problem instanceof Lost) return;
    const { code, reply } = problem;
    if (code === "agreement_required") {
      this.#current = null;
      this.#drawFrame();
      askAgreement({
        agreement: reply.agreement,
        onAgree: () => this.#join(session, { agree: reply.agreement.version }),
        onDecline: () => this.#declined(),
      });
    } else if (code === "removed" || code === "room_closed") {
      this.#outside(session, code === "removed" ? WORDS.removed.title : reply.retry_after ? "This room isn't open yet" : "This room is closed", problemText(problem));
    } else if (code === "unavailable" || code === "rate_limited") {
      setTimeout(() => this.#join(session), 1000 * (reply.retry_after ?? 2));
    } else {
      this.#drop(session.room);
      this.#wanted = null;
      say(problemText(problem));
      if (this.#rooms.length > 1) this.#showRooms();
      else this.#outside(session, "The room isn't open to you just now", problemText(problem));
    }
  }

  #declined() {
    this.#wanted = null;
    if (this.#rooms.length > 1) this.#showRooms();
    else showEnded({ title: WORDS.agreement.declined, again: () => this.openRoom(this.#rooms[0].room) });
  }

  /** The room said that this person is out; the line to the team stays. */
  onRemoved(view) {
    const { text } = view.session.state.own.removed;
    this.#outside(view.session, WORDS.removed.title, text);
  }

  #outside(session, title, text) {
    this.#drop(session.room);
    this.#current = null;
    this.#drawFrame();
    const care = new CareView(session);
    showEnded({
      title,
      text,
      // Out of the room nobody hears its private log: what the reply brings is shown here.
      help: [care.node, care.helpForm({ onSent: () => care.show() })],
      again: () => {
        this.#wanted = null;
        if (this.#rooms.length > 1) this.#showRooms();
        else this.openRoom(session.room);
      },
    });
  }

  #drop(room) {
    this.#views.get(room)?.close();
    this.#views.delete(room);
  }

  // ── what arrives ──────────────────────────────────────────────────────────────────────────────

  #hear(event) {
    if (event.type === "flag") this.#queue?.receive(event);
    else if (event.type === "notice") this.#noticed(event);
    else if (event.room) this.#views.get(event.room)?.session.receive(event);
  }

  /** Who is in the room reads of its closing and opening in its log; a word to staff names whom their queue names. */
  #noticed(notice) {
    const { room, code, text, flag, severity } = notice;
    const view = this.#views.get(room);
    if (code === "aftercare") offerCare(this.connection, notice);
    else if (ROOM_WORDS.has(code) && view) view.notice(text);
    else if (!(view && code.startsWith("room_"))) {
      const name = this.#queue?.flag(flag)?.author?.name;
      const words = name ? `${name}: ${text}` : text;
      announce(words, { assertive: severity === "imminent" });
      say(words);
      if (code === "follow_up") this.#team?.refresh();
      if (code === "second_person" || code === "confirmed") this.#pairs?.refresh();
    }
  }

  /** A flag was decided: somebody may have to be asked after now. */
  decided() {
    this.#team?.refresh();
  }

  /** Something was asked for that takes two people. */
  asked() {
    this.#pairs?.refresh();
  }

  /** The talks changed. */
  changed() {
    this.onRoomChange(this.#current);
  }

  /** A talk is over: whoever looks at it is brought back to the group. */
  ended(side) {
    const isShown = this.#current?.session.room === side;
    this.#drop(side);
    if (isShown) this.openRoom(parentOf(side));
    else this.changed();
  }

  #watch() {
    this.#team ??= new TeamView(this);
    if (mayConfirm(this.#everywhere)) {
      this.#pairs ??= new PairsView(this, { onCount: (pairs) => this.#counted({ ...this.waiting, pairs }) });
    }
    const onCount = (flags, severity) => this.#counted({ ...this.waiting, flags, severity });
    this.#queue ??= new QueueView(this, { head: [this.#team.node, this.#pairs?.node], onCount });
    this.#queue.watch().then(() => this.#team?.refresh());
    this.#pairs?.refresh();
    this.#drawFrame();
  }

  #counted(waiting) {
    this.waiting = waiting;
    this.frame.setBadge("queue", this.#waits());
    this.onRoomChange(this.#current);
  }

  /** How much waits for somebody of staff. */
  #waits() {
    const { flags = 0, pairs = 0 } = this.waiting ?? {};
    return flags + pairs;
  }

  // ── what stands around ────────────────────────────────────────────────────────────────────────

  /** A room changed: the header follows. */
  onRoomChange(view) {
    if (!view || view !== this.#current) {
      if (!view) this.frame.setItems(this.#items());
      return;
    }
    const { title, topic } = view.session.state;
    const signature = `${title}|${topic}`;
    if (signature !== this.titled) this.#drawFrame();
    else this.frame.setItems(this.#items());
    this.frame.setBadge("people", view.session.state.count);
  }

  #items() {
    const view = this.#current;
    const items = [];
    const here = view?.session.room;
    const parent = here && parentOf(here);
    if (parent) {
      items.push({ label: WORDS.talk.back, icon: "back", act: () => this.openRoom(parent) });
      items.push({ label: WORDS.talk.end, icon: "close", act: () => this.talks.end(here) });
    }
    for (const talk of here ? this.talks.of(here) : []) {
      items.push({ label: WORDS.talk.name, icon: "lock", act: () => this.openRoom(talk.room) });
    }
    if (this.#rooms.length > 1) items.push({ label: "Rooms", icon: "rooms", act: () => this.#showRooms() });
    if (view) {
      items.push({ label: "People", icon: "people", badge: view.session.state.count, act: () => this.frame.openSide("people") });
    }
    if (this.#queue) {
      const tone = ["high", "imminent"].includes(this.waiting?.severity) ? "urgent" : "";
      items.push({ label: "Queue", icon: "queue", badge: this.#waits(), tone, act: () => this.frame.openSide("queue") });
    }
    if (view?.session.isStaff) items.push({ label: "Room", icon: "controls", act: () => view.controls() });
    if (this.me) items.push({ label: "You", icon: "settings", act: () => openSettings(this) });
    return items;
  }

  #drawFrame() {
    const view = this.#current;
    const tabs = [];
    if (view) tabs.push({ id: "people", label: "People", panel: view.people.node, badge: view.session.state.count });
    if (this.#queue) tabs.push({ id: "queue", label: "Queue", panel: this.#queue.node, badge: this.#waits() });
    const { title = "", topic = "" } = view?.session.state ?? {};
    this.titled = view ? `${title}|${topic}` : null;
    this.frame.show({ title: title || "Hearth", lead: topic, items: this.#items(), tabs });
  }

  // ── the way out ───────────────────────────────────────────────────────────────────────────────

  #ended({ code, refused }) {
    const entering = this.#entering;
    this.#entering = null;
    if (refused && entering && ["conflict", "bad_request", "too_long"].includes(refused.code)) {
      this.#invited(entering.invite, refused.text, entering.chosen);
      return;
    }
    const isGone = refused?.code === "unauthenticated" || code === 4501;
    const isBanned = refused?.code === "banned" || code === 4503;
    this.#close();
    this.frame.show({ title: "Hearth" });
    if (isGone || isBanned) forgetAll();
    if (isGone) {
      this.#askForLink(refused?.text ?? (entering ? WORDS.ended.expired : WORDS.ended.codes[4501]));
      return;
    }
    const codes = WORDS.ended.codes;
    showEnded({
      text: refused?.text ?? (isBanned ? codes[4503] : codes[code] ?? codes.default),
      again: isBanned ? null : () => this.start(),
    });
  }

  #close() {
    this.connection?.stop();
    this.connection = null;
    for (const room of [...this.#views.keys()]) this.#drop(room);
    this.#queue?.stop();
    this.#queue = null;
    this.#pairs?.stop();
    this.#pairs = null;
    this.#team = null;
    this.waiting = undefined;
    this.talks = new Talks(this);
    this.#current = null;
    this.me = null;
    this.#rooms = [];
    this.#wanted = null;
  }
}

new App().start();
