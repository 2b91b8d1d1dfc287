/**
 * The page: from a link to a room, and back again after the line was lost.
 *
 * Holds what the views share: the person, the line, the rooms that are open, the desk of those who look after them.
 */

import { openPlainSupport, supportCard } from "./care.js";
import { Connection, freshKey } from "./connection.js";
import { openSettings } from "./controls.js";
import { Desk } from "./desk.js";
import { askForLink, askForName, showBanned, showEnded, showWaiting } from "./entrance.js";
import { leave, listenForShift } from "./exit.js";
import { Frame } from "./frame.js";
import { forgetAll, isRemembered, keepToken, keptToken, takeLink } from "./identity.js";
import { mayAsk } from "./pairs.js";
import { Rooms } from "./rooms.js";
import { offerCare, Talks } from "./talk.js";
import { RANK, WORDS } from "./words.js";

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
  everywhere = null;
  connection = null;
  #entering = null;

  constructor() {
    this.#begin();
    this.frame = new Frame({
      onSupport: () => {
        this.frame.closeSide();
        if (this.rooms.current) this.rooms.current.care.openDialog();
        else openPlainSupport();
      },
      onLeave: () => this.#leave(),
      onRetry: () => this.connection?.start(),
    });
    listenForShift(() => this.#leave());
    document.addEventListener("leave-now", () => this.#leave());
  }

  #begin() {
    this.me = null;
    this.talks = new Talks(this);
    this.rooms = new Rooms(this);
    this.desk = new Desk(this);
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

  // ── what the views ask for ────────────────────────────────────────────────────────────────────

  isOpen() {
    return this.connection?.line.state === "open";
  }

  roomTitle(room) {
    return this.rooms.title(room);
  }

  roleIn(room) {
    return this.rooms.role(room);
  }

  openRoom(room, seq) {
    this.frame.closeSide();
    return this.rooms.open(room, seq);
  }

  /** A private word to somebody in a room, from wherever one is. */
  async whisper(room, who) {
    await this.rooms.open(room);
    this.frame.closeSide();
    if (this.rooms.current?.session.room === room) this.rooms.current.composer.whisper(who);
  }

  /** Whether this person may shut others out of all rooms. */
  get mayBan() {
    return RANK[this.everywhere] >= RANK.moderator;
  }

  /** Whether this person may ask for what takes two. */
  get mayAsk() {
    return mayAsk(this.everywhere);
  }

  /** A flag was decided. */
  decided() {
    this.desk.decided();
  }

  /** Something was asked for that takes two people. */
  asked() {
    this.desk.asked();
  }

  /** The talks changed. */
  changed() {
    this.onRoomChange(this.rooms.current);
  }

  /** A talk is over. */
  ended(side) {
    if (!this.rooms.ended(side)) this.changed();
  }

  /** The room said that this person is out. */
  onRemoved(view) {
    this.rooms.removed(view);
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
      this.rooms.lineLost();
    }
    if (line.state === "ended") this.#ended(line);
  }

  #welcomed(welcome) {
    const isFirst = !this.me;
    this.me = { ...welcome.user };
    this.limits = welcome.limits ?? {};
    this.hidden = new Set(welcome.hidden ?? []);
    this.avoids = welcome.avoids ?? [];
    if (welcome.server?.time) this.skew = welcome.server.time - Date.now();
    this.#granted(welcome);
    if (!isFirst) {
      this.rooms.comeBack();
      if (this.rooms.current) return;
    }
    this.rooms.begin();
  }

  /** What one may do, and where: as the welcome says, and anew whenever it changes. */
  #granted({ rooms = [], everywhere, cards = [] }) {
    this.rooms.list = rooms;
    this.everywhere = everywhere;
    this.cards = cards;
    if (rooms.some((one) => RANK[one.role] > 0)) {
      this.desk.open();
      this.drawFrame();
    }
  }

  // ── what arrives ──────────────────────────────────────────────────────────────────────────────

  #hear(event) {
    if (event.type === "flag") this.desk.receive(event);
    else if (event.type === "reachable") this.desk.reachable(event);
    else if (event.type === "notice") this.#noticed(event);
    else if (event.room) this.rooms.receive(event);
  }

  /** Who is in the room reads of its closing and opening in its log. */
  #noticed(notice) {
    const { room, code, text } = notice;
    const view = this.rooms.view(room);
    if (code === "granted") {
      this.#granted(notice);
      this.rooms.comeBack();
    }
    if (code === "aftercare") offerCare(this.connection, notice);
    else if (ROOM_WORDS.has(code) && view) view.notice(text);
    else if (!(view && code.startsWith("room_"))) this.desk.told(notice);
  }

  // ── what stands around ────────────────────────────────────────────────────────────────────────

  /** How much waits for staff changed. */
  counted() {
    this.frame.setBadge("queue", this.desk.count);
    this.onRoomChange(this.rooms.current);
  }

  /** A room changed: the header follows. */
  onRoomChange(view) {
    if (!view || view !== this.rooms.current) {
      if (!view) this.frame.setItems(this.#items());
      return;
    }
    const { title, topic } = view.session.state;
    const signature = `${title}|${topic}`;
    if (signature !== this.titled) this.drawFrame();
    else this.frame.setItems(this.#items());
    this.frame.setBadge("people", view.session.state.count);
  }

  #items() {
    const view = this.rooms.current;
    const items = [];
    const here = view?.session.room;
    for (const talk of here ? this.talks.of(here) : []) {
      items.push({ label: WORDS.talk.name, icon: "lock", act: () => this.openRoom(talk.room) });
    }
    if (this.rooms.list.length > 1) items.push({ label: "Rooms", icon: "rooms", act: () => this.rooms.choose() });
    if (view) {
      items.push({ label: "People", icon: "people", badge: view.session.state.count, isPanel: true, act: () => this.frame.openSide("people") });
    }
    if (this.desk.isOpen) {
      const tone = this.desk.isPressing ? "urgent" : "";
      items.push({ label: "Queue", icon: "queue", badge: this.desk.count, tone, isPanel: true, isAlways: true, act: () => this.frame.openSide("queue") });
    }
    if (view?.session.isStaff) items.push({ label: "Room", icon: "controls", act: () => view.controls() });
    if (this.me) items.push({ label: "You", icon: "settings", act: () => openSettings(this) });
    return items;
  }

  /** The header and the side panel of the view as it is now. */
  drawFrame() {
    const view = this.rooms.current;
    const tabs = [];
    if (view) tabs.push({ id: "people", label: "People", panel: view.people.node, badge: view.session.state.count });
    if (this.desk.isOpen) tabs.push({ id: "queue", label: "Queue", panel: this.desk.node, badge: this.desk.count });
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
    if (isBanned) {
      this.#banned(refused);
      return;
    }
    if (isGone) {
      forgetAll();
      this.#askForLink(refused?.text ?? (entering ? WORDS.ended.expired : WORDS.ended.codes[4501]));
      return;
    }
    const codes = WORDS.ended.codes;
    showEnded({
      text: refused?.text ?? codes[code] ?? codes.default,
      again: () => this.start(),
    });
  }

  /** Who is banned is told at the door how it stands, and may ask there; who they are is kept, as a ban may end. */
  #banned(refused) {
    const token = keptToken();
    if (!refused && token) {
      this.#connect({ token });
      return;
    }
    showBanned({
      text: refused?.text ?? WORDS.ended.codes[4503],
      help: refused?.support && supportCard(refused.support, {}),
      ask: token && refused?.appeal === "possible" ? (text) => this.#connect({ token, appeal: text }) : null,
    });
  }

  #close() {
    this.connection?.stop();
    this.connection = null;
    this.rooms.close();
    this.desk.stop();
    this.#begin();
  }
}

new App().start();
