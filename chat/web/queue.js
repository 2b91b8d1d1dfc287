/**
 * What waits for staff, most pressing first, kept as it stands by each live `flag`.
 *
 * Severity and rule come first; what somebody wrote is shown only once it is asked for, and how often is counted, so
 * that a break can be suggested.
 */

import { chooseTopics, takeAnyway, writeNote } from "./colleagues.js";
import { field } from "./dialogs.js";
import { announce, button, el, fill, say, wait } from "./dom.js";
import { clockText, drawFlag, dueText } from "./flag.js";
import { KINDS, problemText, SEVERITIES, WORDS } from "./words.js";

const FEW = 50;
const LEAST = Object.fromEntries(["imminent", "high", "moderate", "low"].map((name) => [name, `${SEVERITIES[name].word} and above`]));
const KINDS_SHOWN = { message: KINDS.message, report: KINDS.report, help: KINDS.help, appeal: KINDS.appeal };

const RISE = 900_000;
const CEILING = 3;
const ATTENDED = 600_000;
const DOUBT = 300_000;

/** Where a flag stands at `now`, as the server has it (`chat/room/queue.py`): severity, which rises while nobody comes, then time left. */
function urgency(flag, now) {
  let due = flag.due_at;
  let rank = SEVERITIES[flag.severity]?.rank ?? 0;
  if (rank < CEILING) rank = Math.min(CEILING, rank + Math.floor(Math.max(0, now - due) / RISE));
  if (flag.attended_by?.length) due += ATTENDED;
  if (flag.kind === "report" && flag.reports?.length) due += DOUBT * Math.min(6, ...flag.reports.map((one) => one.doubt ?? 0));
  return [-rank, due, flag.opened_at];
}

/** Flags in the order in which they want somebody. */
export function inOrder(flags, now) {
  return [...flags]
    .map((flag) => [urgency(flag, now), flag])
    .sort(([one, flag], [other, second]) =>
      one[0] - other[0] || one[1] - other[1] || one[2] - other[2] || (flag.flag < second.flag ? -1 : 1))
    .map(([, flag]) => flag);
}

/** The panel. `app`: `me`, `connection`, `roomTitle(room)`, `roleIn(room)`, `openRoom(room, seq?)`, `whisper(room, who)`. */
export class QueueView {
  #app;
  #flags = new Map();
  #nodes = new Map();
  #shown = new Set();
  #claims = new Map();
  #onCount;
  #list;
  #empty;
  #counted;
  #more;
  #least;
  #kind;
  #choose;
  #isMore = false;
  #timer;

  constructor(app, { onCount, head }) {
    this.#app = app;
    this.#onCount = onCount;
    this.#empty = el("p", { class: "hint", tabindex: -1 }, WORDS.queue.empty);
    this.#list = el("ul", { class: "flags" });
    this.#counted = el("p", { class: "hint counts" });
    this.#more = el("p", { class: "hint", hidden: true }, WORDS.queue.more);
    const any = (words, of) => [["", words], ...Object.entries(of)];
    this.#least = field({ name: "severity", label: "Severity", kind: "select", options: any("Any severity", LEAST) });
    this.#kind = field({ name: "kind", label: "Kind", kind: "select", options: any("Any kind", KINDS_SHOWN) });
    for (const one of [this.#least, this.#kind]) one.input.addEventListener("change", () => this.#show());
    const topics = button("Topics you'd rather not take…", () => chooseTopics(app), { class: "small quiet" });
    this.#choose = el("summary", {}, WORDS.queue.choose);
    const choose = el(
      "details",
      { class: "choose" },
      this.#choose,
      el("div", { class: "row" }, this.#least.node, this.#kind.node),
      el("div", { class: "row" }, topics),
    );
    this.node = el("div", { class: "queue" }, head, this.#counted, choose, this.#empty, this.#list, this.#more);
    this.#timer = setInterval(() => this.#tick(), 1_000);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** Ask for what is open, and for every change from now on. */
  async watch() {
    try {
      const queue = await this.#app.connection.send("watch");
      this.#flags = new Map(queue.flags.map((flag) => [flag.flag, flag]));
      this.#isMore = Boolean(queue.more);
      for (const id of this.#claims.keys()) {
        if (this.#flags.get(id)?.claimed_by?.id !== this.#app.me.id) this.#claims.delete(id);
      }
      this.#show();
    } catch (problem) {
      if (problem.name !== "Lost") say(problemText(problem));
    }
  }

  /** A flag as it stands now. */
  receive(flag) {
    const known = this.#flags.get(flag.flag);
    if (known && known.rev > flag.rev) return;
    if (flag.state === "decided") this.#flags.delete(flag.flag);
    else this.#flags.set(flag.flag, flag);
    if (flag.claimed_by?.id !== this.#app.me.id && this.#claims.delete(flag.flag) && flag.state === "open") {
      say(WORDS.queue.leaseOver);
    }
    if (!known && flag.state !== "decided") {
      const { word } = SEVERITIES[flag.severity] ?? SEVERITIES.none;
      announce(`New in the queue: ${word}, ${this.#app.roomTitle(flag.room)}.`, { assertive: flag.severity === "imminent" });
    }
    this.#show();
  }

  /** One flag, where it is open. */
  flag(id) {
    return this.#flags.get(id);
  }

  #show() {
    const now = Date.now() + (this.#app.skew ?? 0);
    const all = inOrder(this.#flags.values(), now);
    const order = all.filter((flag) => this.#claims.has(flag.flag) || this.#isWanted(flag));
    const keep = new Set(order.map((flag) => flag.flag));
    for (const [id, known] of this.#nodes) {
      if (keep.has(id)) continue;
      known.node.remove();
      this.#nodes.delete(id);
    }
    let before = null;
    for (const flag of order) {
      const known = this.#draw(flag);
      const wanted = before ? before.nextElementSibling : this.#list.firstElementChild;
      if (wanted !== known.node) this.#list.insertBefore(known.node, wanted);
      before = known.node;
    }
    this.#empty.hidden = order.length > 0;
    fill(this.#empty, all.length ? WORDS.queue.none : WORDS.queue.empty);
    fill(this.#counted, all.length ? WORDS.queue.counts({
      open: all.length,
      claimed: all.filter((flag) => flag.claimed_by && flag.lease_until > now).length,
      late: all.filter((flag) => flag.due_at < now && !flag.attended_by?.length).length,
    }) : "");
    const chosen = order.length < all.length ? WORDS.queue.hides(all.length - order.length) : WORDS.queue.choose;
    if (this.#choose.textContent !== chosen) fill(this.#choose, chosen);
    this.#more.hidden = !this.#isMore;
    this.#onCount(all.length, all[0]?.severity);
    if (this.#isMore && all.length < FEW) {
      this.#isMore = false;
      this.watch();
    }
  }

  #isWanted(flag) {
    const least = this.#least.read();
    const kind = this.#kind.read();
    return (!least || SEVERITIES[flag.severity].rank >= SEVERITIES[least].rank) && (!kind || flag.kind === kind);
  }

  /** Take a flag; where a colleague who is free had better, only after saying so. */
  async #claim(id, anyway) {
    let reply;
    try {
      reply = await this.#app.connection.send("claim", { flag: id, ...anyway });
    } catch (problem) {
      if (!problem.reply?.anyway) throw problem;
      await takeAnyway(problem.reply.text, () => this.#claim(id, { anyway: true }));
      return;
    }
    this.#flags.set(id, reply.flag);
    this.#claims.set(id, { context: reply.context, until: reply.lease_until - (this.#app.skew ?? 0) });
    this.#show();
    this.#nodes.get(id)?.node.querySelector("h3")?.focus();
  }

  #draw(flag) {
    const claim = this.#claims.get(flag.flag);
    const isShown = this.#shown.has(flag.flag);
    const known = this.#nodes.get(flag.flag);
    if (known && known.rev === flag.rev && known.claim === claim && known.isShown === isShown) return known;
    const focused = known?.node.contains(document.activeElement) ? document.activeElement : null;
    const node = drawFlag(flag, { app: this.#app, claim, isShown, act: this.#acts(flag), kept: claim && known?.node });
    known?.node.replaceWith(node);
    const made = { node, rev: flag.rev, claim, isShown };
    this.#nodes.set(flag.flag, made);
    if (focused?.isConnected) focused.focus();
    else if (focused) (node.querySelector(`[data-act="${focused.dataset.act}"]`) ?? node.querySelector("button"))?.focus();
    return made;
  }

  /** After a decision: to the flag that stands in its place, or the last, or the word that there is none. */
  #goOn(place) {
    const left = this.#list.children;
    const next = left[Math.min(Math.max(0, place), left.length - 1)];
    (next?.querySelector("h3") ?? this.#empty).focus();
  }

  #acts(flag) {
    const { connection } = this.#app;
    const id = flag.flag;
    return {
      reveal: () => {
        this.#shown.add(id);
        this.#show();
      },
      cover: () => {
        this.#shown.delete(id);
        this.#show();
      },
      attend: () => this.#try(() => connection.send("attend", { flag: id }), "The clock is stopped. They are told that somebody is there."),
      claim: () => this.#try(() => this.#claim(id)),
      note: () => this.#try(() => writeNote(flag, this.#app, this.#claims.has(id))),
      renew: () => this.#try(async () => {
        const reply = await connection.send("claim", { flag: id });
        const claim = this.#claims.get(id);
        if (claim) claim.until = reply.lease_until - (this.#app.skew ?? 0);
      }),
      unclaim: () => this.#try(async () => {
        this.#claims.delete(id);
        await connection.send("unclaim", { flag: id });
        this.#show();
      }),
      decide: async (fields) => {
        await connection.send("decide", { flag: id, rev: this.#flags.get(id)?.rev, ...fields });
        this.#claims.delete(id);
        const place = [...this.#list.children].indexOf(this.#nodes.get(id)?.node);
        if (fields.action !== "escalate") this.#flags.delete(id);
        this.#show();
        this.#goOn(place);
        say(WORDS.queue.done);
        this.#app.decided?.();
      },
    };
  }

  async #try(act, done) {
    try {
      await act();
      if (done) say(done);
    } catch (problem) {
      const by = problem.reply?.by;
      say(problem.code === "conflict" && by ? WORDS.queue.conflict(by.name ?? by) : problemText(problem));
    }
  }

  /** What counts down: time left to each flag, and one's own leases. */
  #tick() {
    const now = Date.now() + (this.#app.skew ?? 0);
    for (const [id, { node }] of this.#nodes) {
      const flag = this.#flags.get(id);
      const due = node.querySelector(".due");
      if (due && flag) fill(due, dueText(flag, now));
      const clock = node.querySelector(".clock");
      if (clock && flag) {
        fill(clock, clockText(flag, now));
        clock.hidden = !clock.textContent;
      }
      due?.classList.toggle("over", Boolean(flag?.due_at) && flag.due_at < now && !flag.attended_by?.length);
      const claim = this.#claims.get(id);
      const lease = node.querySelector(".lease");
      if (claim && lease) {
        const left = (claim.until - Date.now()) / 1000;
        fill(lease, left > 0 ? `Yours for another ${wait(left)}` : WORDS.queue.leaseOver);
        if (left < 40 && left > 0 && claim.touched) {
          claim.touched = false;
          this.#acts(flag).renew();
        }
      }
    }
  }
}
