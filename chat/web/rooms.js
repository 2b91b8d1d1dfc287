/**
 * The rooms that this page is in: entering them, showing one, coming back to all, and being outside of one.
 */

import { CareView, sayCare } from "./care.js";
import { Lost } from "./connection.js";
import { announce, el, fill, say } from "./dom.js";
import { askAgreement, chooseRoom, showEnded, tellOpened } from "./entrance.js";
import { RoomView } from "./room.js";
import { RoomSession } from "./session.js";
import { parentOf } from "./talk.js";
import { problemText, WORDS } from "./words.js";

/** `app`: `me`, `connection`, `frame`, `drawFrame()`. */
export class Rooms {
  #app;
  #views = new Map();
  #wanted = null;
  #outsider = null;

  constructor(app) {
    this.#app = app;
    this.list = [];
    this.current = null;
  }

  title(room) {
    const parent = parentOf(room);
    if (parent) return `${WORDS.talk.name}, ${this.title(parent)}`;
    return this.list.find((one) => one.room === room)?.title || room;
  }

  /** What this person is in a room: as they entered it, else as the welcome said. */
  role(room) {
    const known = parentOf(room) ?? room;
    return this.#views.get(room)?.session.role ?? this.list.find((one) => one.room === known)?.role ?? "participant";
  }

  view(room) {
    return this.#views.get(room);
  }

  /** The first view: the room that was wanted, the only one there is, or the choice. */
  begin() {
    if (this.#wanted) this.open(this.#wanted);
    else if (this.list.length === 1) this.open(this.list[0].room);
    else this.choose();
  }

  /** The line is back: into every room again, from where one was. */
  comeBack() {
    for (const view of this.#views.values()) this.#join(view.session);
    if (this.#outsider?.timer) this.#lookAgain(this.#outsider, 0);
  }

  lineLost() {
    for (const view of this.#views.values()) view.lineLost();
  }

  receive(event) {
    const view = this.#views.get(event.room);
    if (view) view.session.receive(event);
    else if (this.#outsider?.session.room === event.room) this.#outsider.session.hearCare(event);
  }

  choose() {
    this.#comeIn();
    this.current = null;
    this.#app.drawFrame();
    chooseRoom({ rooms: this.list, onRoom: (room) => this.open(room) });
  }

  /** Show a room, entering it first where need be; at one message if `seq` is given. */
  async open(room, seq) {
    this.#wanted = room;
    const view = this.#views.get(room);
    if (view) {
      this.#show(view, seq);
      return;
    }
    const session = new RoomSession(this.#app.connection, room, this.#app.me);
    await this.#join(session, { seq });
  }

  async #join(session, { agree, seq } = {}) {
    try {
      await session.join(agree);
    } catch (problem) {
      this.#notJoined(session, problem);
      return;
    }
    if (!this.#views.has(session.room)) this.#enter(session, seq);
  }

  #enter(session, seq) {
    const view = new RoomView(this.#app, session);
    this.#views.set(session.room, view);
    this.#show(view, seq);
  }

  #show(view, seq) {
    this.#comeIn();
    this.current = view;
    this.#wanted = view.session.room;
    this.#app.drawFrame();
    view.open();
    if (seq) view.goTo(seq);
  }

  #notJoined(session, problem) {
    if (problem instanceof Lost) return;
    const { code, reply } = problem;
    const words = WORDS.outside;
    if (code === "agreement_required") {
      this.current = null;
      this.#app.drawFrame();
      askAgreement({
        agreement: reply.agreement,
        onAgree: () => this.#join(session, { agree: reply.agreement.version }),
        onDecline: () => this.#declined(),
      });
    } else if (code === "removed") this.#outside(session, WORDS.removed.title, problemText(problem));
    else if (code === "room_closed" && reply.retry_after) {
      this.#outside(session, words.notYet, problemText(problem), reply.retry_after);
    } else if (code === "room_closed") this.#outside(session, words.closed, problemText(problem));
    else if (code === "unavailable" || code === "rate_limited") {
      setTimeout(() => this.#join(session), 1000 * (reply.retry_after ?? 2));
    } else {
      this.drop(session.room);
      this.#wanted = null;
      say(problemText(problem));
      if (this.list.length > 1) this.choose();
      else this.#outside(session, words.notNow, problemText(problem));
    }
  }

  #declined() {
    this.#wanted = null;
    if (this.list.length > 1) this.choose();
    else showEnded({ title: WORDS.agreement.declined, again: () => this.open(this.list[0].room) });
  }

  /** The room said that this person is out; the line to the team stays. */
  removed(view) {
    this.#outside(view.session, WORDS.removed.title, view.session.state.own.removed.text);
  }

  /** Outside, with the line to the team. `seconds`: the room may open by itself, and is asked again after so many. */
  #outside(session, title, text, seconds) {
    this.drop(session.room);
    this.#comeIn();
    this.current = null;
    this.#app.drawFrame();
    const care = new CareView(session);
    const sent = el("div", { role: "status" });
    const form = care.helpForm({
      onSent: () => {
        care.show();
        fill(sent, el("p", { class: "notice" }, WORDS.help.sent));
      },
      tells: false,
    });
    const outsider = { session, form, timer: null };
    outsider.off = session.on((causes) => {
      care.show();
      for (const { event } of causes) sayCare(event);
      if (causes.some((cause) => cause.joined)) this.#opened(outsider);
    });
    this.#outsider = outsider;
    care.show();
    showEnded({
      title,
      text,
      note: seconds && WORDS.outside.again,
      // Out of the room its private log is heard for the sake of care alone: that is shown here.
      help: [care.node, sent, el("h2", {}, WORDS.help.write), el("p", { class: "hint" }, WORDS.help.lead), form],
      again: seconds ? () => this.#lookAgain(outsider, 0, say) : () => {
        this.#wanted = null;
        if (this.list.length > 1) this.choose();
        else this.open(session.room);
      },
      label: seconds && WORDS.outside.look,
    });
    if (seconds) this.#lookAgain(outsider, seconds);
  }

  /** Whether the room is open now; while it is not, nothing on the page moves. `tell` hears why not. */
  #lookAgain(outsider, seconds, tell) {
    clearTimeout(outsider.timer);
    outsider.timer = setTimeout(async () => {
      try {
        await outsider.session.join();
      } catch (problem) {
        if (outsider !== this.#outsider) return;
        const waits = problem.reply?.retry_after ?? (problem instanceof Lost ? seconds || 30 : 0);
        if (waits) {
          tell?.(problemText(problem));
          this.#lookAgain(outsider, waits);
        } else this.#notJoined(outsider.session, problem);
      }
    }, seconds * 1000);
  }

  /** The room has opened: in, unless that would take away what is being written to the team. */
  #opened(outsider) {
    if (outsider !== this.#outsider) return;
    clearTimeout(outsider.timer);
    const words = WORDS.outside;
    if (!outsider.form.querySelector("textarea")?.value.trim()) {
      this.#enter(outsider.session);
      announce(words.opened);
      return;
    }
    tellOpened(words.openedWriting, () => this.#enter(outsider.session));
  }

  /** No longer outside. */
  #comeIn() {
    clearTimeout(this.#outsider?.timer);
    this.#outsider?.off();
    this.#outsider = null;
  }

  /** A talk is over: whoever looks at it is brought back to the group. */
  ended(side) {
    const isShown = this.current?.session.room === side;
    this.drop(side);
    if (isShown) this.open(parentOf(side));
    return isShown;
  }

  drop(room) {
    this.#views.get(room)?.close();
    this.#views.delete(room);
  }

  close() {
    this.#comeIn();
    for (const room of [...this.#views.keys()]) this.drop(room);
    this.current = null;
  }
}
