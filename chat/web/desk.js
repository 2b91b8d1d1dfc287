/** What staff have beside the rooms: the queue, the team's corner, what takes two people, and words to staff. */

import { announce, say } from "./dom.js";
import { mayConfirm, PairsView } from "./pairs.js";
import { QueueView } from "./queue.js";
import { TeamView } from "./team.js";
import { callText, WORDS } from "./words.js";

const PRESSING = new Set(["high", "imminent"]);

/** `app`: what the three views need, and `everywhere` (the role in all rooms), `counted()`. */
export class Desk {
  #app;
  #queue = null;
  #team = null;
  #pairs = null;
  #flags = 0;
  #requests = 0;
  #severity;

  constructor(app) {
    this.#app = app;
  }

  /** Whether this person is staff anywhere. */
  get isOpen() {
    return this.#queue !== null;
  }

  get node() {
    return this.#queue.node;
  }

  /** How much waits. */
  get count() {
    return this.#flags + this.#requests;
  }

  get isPressing() {
    return PRESSING.has(this.#severity);
  }

  /** Begin, or come back after the line was lost. */
  async open() {
    const app = this.#app;
    this.#team ??= new TeamView(app);
    if (mayConfirm(app.everywhere)) {
      this.#pairs ??= new PairsView(app, {
        onCount: (count) => {
          this.#requests = count;
          app.counted();
        },
      });
    }
    this.#queue ??= new QueueView(app, {
      head: [this.#team.node, this.#pairs?.node],
      onCount: (count, severity) => {
        this.#flags = count;
        this.#severity = severity;
        app.counted();
      },
    });
    this.#pairs?.refresh();
    await this.#queue.watch();
    this.#team?.refresh();
  }

  stop() {
    this.#queue?.stop();
    this.#pairs?.stop();
  }

  /** A flag as it stands now. */
  receive(flag) {
    this.#queue?.receive(flag);
  }

  /** Who of staff can be reached in a room changed. */
  reachable(event) {
    this.#team?.receive(event);
  }

  /** A word to staff: it names whom their queue names. */
  told(notice) {
    const { code, flag, room, severity } = notice;
    const name = this.#queue?.flag(flag)?.author?.name;
    const words = callText(notice, name, this.#app.roomTitle(room ?? ""));
    const isNow = severity === "imminent";
    if (isNow) announce(words, { assertive: true });
    say(words, { isHeard: !isNow, group: code, many: WORDS.manyCalls[code] });
    if (code === "follow_up") this.#team?.refresh();
    if (code === "second_person" || code === "confirmed") this.#pairs?.refresh();
  }

  /** A flag was decided: somebody may have to be asked after now. */
  decided() {
    this.#team?.refresh();
  }

  /** Something was asked for that takes two people. */
  asked() {
    this.#pairs?.refresh();
  }
}
