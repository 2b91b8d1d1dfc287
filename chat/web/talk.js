/** Private talks: a side room for one person and somebody of staff, with the way there and back. */

import { ask } from "./dialogs.js";
import { say } from "./dom.js";
import { problemText, WORDS } from "./words.js";

/** The room that a side room belongs to; null for every other room. */
export function parentOf(room) {
  return room.startsWith("aside-") ? room.slice(room.indexOf(".") + 1) : null;
}

/** The talks that this page knows of. `app`: `connection`, `openRoom(room)`, `changed()`. */
export class Talks {
  #app;
  #open = new Map();

  constructor(app) {
    this.#app = app;
  }

  /** Side rooms of one group, with who else is in each. */
  of(room) {
    return [...this.#open].filter(([side]) => parentOf(side) === room).map(([side, other]) => ({ room: side, other }));
  }

  /** With whom a side room is. */
  other(side) {
    return this.#open.get(side)?.name ?? "";
  }

  /** Offer one to somebody, and go there. */
  async offer(room, who) {
    try {
      const { room: side } = await this.#app.connection.send("aside", { room, user: who.id });
      this.#open.set(side, who);
      await this.#app.openRoom(side);
    } catch (problem) {
      say(problemText(problem));
    }
  }

  /** Come to one that was offered. */
  async accept(event) {
    this.#open.set(event.side_room, event.with);
    await this.#app.openRoom(event.side_room);
  }

  /** Not now, or no longer: either ends it for both. */
  async end(side) {
    try {
      await this.#app.connection.send("leave", { room: side });
      this.forget(side);
    } catch (problem) {
      say(problemText(problem));
    }
  }

  /** A talk began, or is over. */
  heard(event) {
    if (event.is_over) this.forget(event.side_room, WORDS.talk.over);
    else this.#open.set(event.side_room, event.with);
    this.#app.changed();
  }

  /** It is over: back to the group, where one is there. */
  forget(side, words) {
    if (!this.#open.delete(side)) return;
    if (words) say(words);
    this.#app.ended(side);
  }
}

/** After a talk: the card for the group, where the facilitator finds it right. */
export function offerCare(connection, { room, card, text }) {
  ask({
    title: WORDS.talk.aftercare,
    lead: text,
    fields: [],
    confirm: "Share the card",
    act: () => connection.send("card", { room, card }),
  });
}
