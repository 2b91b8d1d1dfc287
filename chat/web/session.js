/**
 * One room as this page lives it: joins, comes back, folds what arrives, sends what the person does.
 *
 * Views read `state`, `outbox.items` and `local`, and are told of each change through `on`.
 */

import { freshKey, Lost } from "./connection.js";
import { keepDraft, keptDraft } from "./identity.js";
import { Outbox } from "./outbox.js";
import { addPage, apply, emptyRoom, enter, place } from "./state.js";

const PAGE = 60;
const WRITING = 6_000;

/** `me` is the session's user, `connection` the line that it shares with other rooms. */
export class RoomSession {
  #connection;
  #listeners = new Set();
  #scheduled = false;
  #causes = [];
  #joining = null;
  #paging = null;
  #stash = [];
  #gap = [];
  #writing = new Map();
  #forget = null;

  constructor(connection, room, me) {
    this.#connection = connection;
    this.room = room;
    this.me = me;
    this.state = emptyRoom(room);
    this.local = [];
    this.joined = false;
    this.mine = new Set();
    const { unsent = [] } = keptDraft(room);
    this.outbox = new Outbox({
      items: unsent,
      send: (item) => this.#post(item),
      onChange: () => {
        keepDraft(room, { ...keptDraft(room), unsent: this.outbox.items });
        this.#changed("outbox");
      },
      onPosted: (item, reply) => this.#posted(item, reply),
      onRefused: (item, reply) => this.#support(item.key, reply.support),
    });
  }

  /** Be told of changes: `listener(causes)`, once a turn. Returns a function that ends it. */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get role() {
    return this.state.you.role ?? "participant";
  }

  get isStaff() {
    return this.role !== "participant";
  }

  /**
   * Enter, or come back from the last known position; fails with `Refused`. The cause told to listeners is
   * `{joined: true, recovered, why, missed, first}`.
   */
  join(agree) {
    this.#joining ??= this.#enter(agree);
    return this.#joining;
  }

  async #enter(agree) {
    const first = !this.joined;
    const position = first
      ? {}
      : { since: this.state.head, epoch: this.state.epoch, usince: this.state.uhead };
    const agreed = agree === undefined ? {} : { agree };
    let reply;
    try {
      reply = await this.#connection.send("join", { room: this.room, ...position, ...agreed });
    } catch (problem) {
      this.#joining = null;
      const stash = [...this.#gap, ...this.#stash];
      if (problem.name === "Refused") {
        [this.#gap, this.#stash] = [[], []];
        for (const event of stash) this.hearCare(event);
      }
      throw problem;
    }
    this.#joining = null;
    this.#gap = [];
    const missed = reply.recovered ? (reply.events ?? []).filter((event) => event.type === "message").length : 0;
    this.state = enter(this.state, reply);
    this.joined = true;
    const stash = this.#stash;
    this.#stash = [];
    for (const event of stash) this.receive(event);
    this.outbox.flush();
    this.#changed({ joined: true, recovered: reply.recovered, why: reply.why, missed, first });
  }

  /** The line went; until the next `join` nothing of this room arrives. */
  pause() {
    this.state = { ...this.state, typing: [] };
    this.#changed("line");
  }

  /** One event of this room. A gap is filled by coming back from the last position. */
  receive(event) {
    if (this.#joining) {
      this.#stash.push(event);
      return;
    }
    const how = place(this.state, event);
    if (how === "duplicate") return;
    if (how === "gap") {
      this.#gap = [event];
      this.join().catch(() => {});
      return;
    }
    this.#take(event);
  }

  /** Whoever is outside, because they were removed, is still told what care says to them; nothing else counts. */
  hearCare(event) {
    if (event.type === "support") this.#take({ ...event, useq: undefined });
  }

  #take(event) {
    this.state = apply(this.state, event);
    if (event.type === "typing") this.#typed(event.users ?? []);
    if (event.type === "message" && event.from?.id === this.me.id) this.outbox.recognise(event);
    if (event.type === "whisper" && event.from?.id === this.me.id) this.#forgetLocal(event.text);
    this.#changed({ event });
  }

  /** Who is writing: one event names whoever wrote just now, and nobody says when they stop thinking. */
  #typed(users) {
    const now = Date.now();
    if (!users.length) this.#writing.clear();
    for (const user of users) this.#writing.set(user, now);
    const fresh = () => [...this.#writing].filter(([, at]) => Date.now() - at < WRITING).map(([user]) => user);
    this.state = { ...this.state, typing: fresh() };
    clearTimeout(this.#forget);
    this.#forget = setTimeout(() => {
      this.state = { ...this.state, typing: fresh() };
      this.#changed("typing");
    }, WRITING + 100);
  }

  /** Put an older page before what is known; false when there is none. */
  older() {
    if (this.state.whole || !this.joined) return Promise.resolve(false);
    this.#paging ??= this.#connection
      .send("history", { room: this.room, before: this.state.log[0]?.seq ?? this.state.head + 1, limit: PAGE })
      .then((page) => {
        this.state = addPage(this.state, page.events);
        this.#changed("history");
        return true;
      })
      .finally(() => {
        this.#paging = null;
      });
    return this.#paging;
  }

  /** Any command of this room. */
  send(type, fields = {}) {
    return this.#connection.send(type, { room: this.room, ...fields });
  }

  /** A command that is not of this room alone. */
  sendAnywhere(type, fields = {}) {
    return this.#connection.send(type, fields);
  }

  /** Change the text of one's own message; resolves with `posted`. */
  async edit(seq, text) {
    const key = freshKey();
    const reply = await this.#care(key, this.send("edit", { seq, text, key }));
    this.#posted({ key, text }, reply);
    return reply;
  }

  /** A private word; shown at once, and kept in sight until the server's own copy arrives. */
  async whisper(to, text) {
    const key = freshKey();
    const reply = await this.#care(key, this.send("whisper", { to, text, key }));
    this.#posted({ key, text }, reply);
    if (reply.verdict === "delivered") this.#note({ type: "whisper", from: this.me, to, text });
  }

  /** A private line to the people who look after the room. */
  async help(text) {
    const key = freshKey();
    const trimmed = text.trim();
    const reply = await this.#care(key, this.send("help", trimmed ? { text: trimmed, key } : { key }));
    this.#support(key, reply.support);
    this.#note({ type: "helped", text: trimmed });
  }

  /** Set or clear one's own reaction. Which ones are one's own is known for this visit only. */
  async react(seq, reaction) {
    const id = `${seq} ${reaction}`;
    const on = !this.mine.has(id);
    await this.send("react", { seq, reaction, on });
    if (on) this.mine.add(id);
    else this.mine.delete(id);
    this.#changed("react");
  }

  typing(on) {
    this.#connection.tell("typing", { room: this.room, on });
  }

  /** Forget a local note, a card of the person's own making. */
  dismiss(note) {
    this.local = this.local.filter((one) => one !== note);
    this.#changed("local");
  }

  async leave() {
    this.outbox.stop();
    await this.send("leave").catch(() => {});
  }

  /** A command whose refusal may carry support. */
  async #care(key, promise) {
    try {
      return await promise;
    } catch (problem) {
      this.#support(key, problem.reply?.support);
      throw problem;
    }
  }

  #post({ key, text, reply_to, warning, replaces }) {
    if (!this.joined || this.#joining) return Promise.reject(new Lost());
    return this.send("post", { key, text, reply_to, warning, replaces });
  }

  /** What became of a text: support at once; a text that waits is shown, also before its own event comes. */
  #posted(item, reply) {
    this.#support(item.key, reply.support);
    if (item.replaces) this.#replaced(item.replaces);
    const decided = reply.decision || this.state.own.notes.some((note) => note.key === item.key);
    if (reply.verdict !== "delivered" && !decided) {
      const { key, text } = item;
      const held = { type: "held", key, text, reasons: reply.reasons ?? [], flag: reply.flag, verdict: reply.verdict, at: Date.now() };
      const known = this.state.own.held.find((one) => one.key === key);
      this.state = apply(this.state, { ...held, ...known, verdict: reply.verdict, useq: undefined });
    }
    if (reply.verdict === "delivered" && reply.masked) this.#note({ type: "masked", reasons: reply.reasons ?? [] });
    this.#changed({ posted: reply });
  }

  #replaced(key) {
    const held = this.state.own.held.filter((one) => one.key !== key);
    this.state = { ...this.state, own: { ...this.state.own, held } };
  }

  /** Take back a text that waits. */
  async withdraw(key) {
    await this.send("retract", { key });
    this.#replaced(key);
    this.#changed("local");
  }

  #support(key, card) {
    if (!card) return;
    const known = this.state.own.support.find((one) => one.key === (card.key ?? key));
    if (known && known.seen >= (card.seen ?? false)) return;
    const event = { key, at: Date.now(), ...card, type: "support" };
    this.state = apply(this.state, event);
    this.#changed({ event });
  }

  #note(note) {
    const copied = note.type === "whisper"
      && this.state.own.notes.some((one) => one.type === "whisper" && one.from?.id === this.me.id
        && one.text === note.text && Date.now() - one.at < 60_000);
    if (!copied) this.local = [...this.local, { ...note, at: Date.now() }];
    this.#changed("local");
  }

  #forgetLocal(text) {
    this.local = this.local.filter((note) => note.type !== "whisper" || note.text !== text);
  }

  #changed(cause) {
    this.#causes.push(cause);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const causes = this.#causes;
      this.#causes = [];
      for (const listener of this.#listeners) listener(causes);
    });
  }
}
