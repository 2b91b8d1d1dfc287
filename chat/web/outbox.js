/**
 * What this person has sent and nobody has acknowledged yet.
 *
 * Each item has its own key and is sent again with that key until it is answered, over any number of connections, so
 * that it is stored once or is still here. What is refused stays here too, until the person decides.
 */

import { freshKey, Lost, Refused } from "./connection.js";

const WAITS = new Set(["slow_mode", "rate_limited", "unavailable"]);
const SHORTEST_WAIT = 1;

/**
 * `send(item)` resolves with `posted`; `onChange()` follows each change; `onPosted(item, reply)` and
 * `onRefused(item, reply)` come once an item is answered.
 *
 * An item: `{key, text, reply_to?, warning?, replaces?, at, state, until?, problem?, seq?}` with `state` one of
 * `sending`, `waiting` (goes again at `until`), `refused`.
 */
export class Outbox {
  #send;
  #onChange;
  #onPosted;
  #onRefused;
  #now;
  #timers = new Map();
  #tail = Promise.resolve();

  constructor({ send, onChange, onPosted, onRefused, items = [], now = Date.now }) {
    this.#send = send;
    this.#onChange = onChange;
    this.#onPosted = onPosted;
    this.#onRefused = onRefused;
    this.#now = now;
    this.items = items;
  }

  /** Take a text on and send it. */
  post(fields) {
    const item = { key: freshKey(), at: this.#now(), state: "sending", ...fields };
    this.items = [...this.items, item];
    this.#onChange();
    this.#attempt(item.key);
    return item.key;
  }

  /** The line is back: everything unanswered goes again, in its order. */
  flush() {
    for (const item of this.items) {
      if (item.state !== "refused") this.#attempt(item.key);
    }
  }

  /** Give an item up, to be written anew or forgotten. */
  drop(key) {
    const item = this.items.find((one) => one.key === key);
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.items = this.items.filter((one) => one.key !== key);
    this.#onChange();
    return item;
  }

  /**
   * A message of this person's came through the room before its acknowledgement: the item it was made of, so that the
   * same words are not shown twice.
   */
  recognise(event) {
    const item = this.items.find((one) => one.state === "sending" && !one.seq && one.text.trim() === event.text);
    if (item) this.#alter(item.key, { seq: event.seq });
  }

  /** Stop every clock: the room was left. */
  stop() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #attempt(key) {
    clearTimeout(this.#timers.get(key));
    const item = this.items.find((one) => one.key === key);
    if (!item) return;
    this.#alter(key, { state: "sending", until: undefined });
    this.#tail = this.#tail.then(() => this.#deliver(key));
  }

  async #deliver(key) {
    const item = this.items.find((one) => one.key === key);
    if (!item || item.state !== "sending") return;
    try {
      const reply = await this.#send(item);
      this.drop(key);
      this.#onPosted(item, reply);
    } catch (problem) {
      if (problem instanceof Lost) return;
      if (!(problem instanceof Refused)) throw problem;
      this.#onRefused(item, problem.reply);
      if (WAITS.has(problem.code)) this.#later(item, problem.reply);
      else this.#alter(key, { state: "refused", problem: problem.reply });
    }
  }

  #later(item, reply) {
    const seconds = Math.max(reply.retry_after ?? 0, SHORTEST_WAIT * 2 ** Math.min(item.tries ?? 0, 4));
    this.#alter(item.key, {
      state: "waiting",
      until: this.#now() + seconds * 1000,
      tries: (item.tries ?? 0) + 1,
      problem: reply,
    });
    this.#timers.set(item.key, setTimeout(() => this.#attempt(item.key), seconds * 1000));
  }

  #alter(key, fields) {
    this.items = this.items.map((one) => (one.key === key ? { ...one, ...fields } : one));
    this.#onChange();
  }
}
