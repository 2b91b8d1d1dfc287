/**
 * What takes two people: erasing somebody, and seeing who somebody is. One asks, another confirms within the hour.
 *
 * Each step says before it is taken what it does, and that it is kept in the record of what staff did.
 */

import { ask, openDialog } from "./dialogs.js";
import { announce, button, clock, el, fill, say } from "./dom.js";
import { RANK, problemText, WORDS } from "./words.js";

const LONGEST = 500;

/** Whether somebody who holds that role in all rooms may ask for what takes two people. */
export function mayAsk(everywhere) {
  return RANK[everywhere] >= RANK.admin;
}

/** Whether they may be the second person. */
export function mayConfirm(everywhere) {
  return RANK[everywhere] >= RANK.moderator;
}

/** Requests that wait for `me`, those that are `me`'s own, and neither once their hour is over. */
export function sorted(requests, me, now) {
  const running = requests.filter((one) => one.until > now);
  return {
    waiting: running.filter((one) => one.by.id !== me && !one.with),
    mine: running.filter((one) => one.by.id === me),
  };
}

function named(who) {
  return who.name || WORDS.pairs.nobody;
}

/** Ask for one of the two. `app`: `connection`, `asked()`; `who`: `{id, name}`. */
export function askFor(what, app, who) {
  const words = WORDS.pairs[what];
  const reason = what === "erase" ? "reason" : "purpose";
  return ask({
    title: words.title(named(who)),
    lead: words.lead,
    fields: [{ name: reason, label: words.why, hint: WORDS.pairs.whyHint, kind: "textarea", maxlength: LONGEST, required: true }],
    confirm: WORDS.pairs.ask,
    danger: what === "erase",
    act: async (values) => {
      await app.connection.send(what, { user: who.id, ...values });
      say(WORDS.pairs.asked);
      app.asked();
    },
  });
}

/** What waits, above the queue. `app`: `me`, `skew`, `connection`, `roomTitle(room)`; `onCount(count)`. */
export class PairsView {
  #app;
  #onCount;
  #requests = [];
  #list;
  #timer;

  constructor(app, { onCount }) {
    this.#app = app;
    this.#onCount = onCount;
    this.#list = el("ul", { class: "pairs-list" });
    this.node = el("section", { class: "pairs", "aria-label": WORDS.pairs.title, hidden: true }, el("h3", {}, WORDS.pairs.title), this.#list);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Read anew what waits. */
  async refresh() {
    try {
      this.#take(await this.#app.connection.send("confirm"));
    } catch (problem) {
      if (problem.name !== "Lost") say(problemText(problem));
    }
  }

  #take({ requests }) {
    this.#requests = requests;
    this.#show();
  }

  #show() {
    const now = Date.now() + this.#app.skew;
    const { waiting, mine } = sorted(this.#requests, this.#app.me.id, now);
    const shown = [...waiting, ...mine];
    fill(this.#list, waiting.map((one) => this.#waiting(one)), mine.map((one) => this.#mine(one)));
    this.node.hidden = shown.length === 0;
    this.#onCount(waiting.length + mine.filter((one) => one.with).length);
    clearTimeout(this.#timer);
    if (shown.length) this.#timer = setTimeout(() => this.#show(), Math.min(...shown.map((one) => one.until)) - now + 500);
  }

  #waiting(request) {
    const words = WORDS.pairs[request.what];
    return this.#item(
      el("p", {}, words.wants(named(request.by), named(request))),
      el("p", { class: "said-why", dir: "auto" }, request.reason),
      this.#until(request),
      button(WORDS.pairs.look, () => this.#confirm(request), { class: "small primary" }),
    );
  }

  #mine(request) {
    const words = WORDS.pairs[request.what];
    if (!request.with) {
      return this.#item(el("p", {}, words.mine(named(request))), this.#until(request));
    }
    return this.#item(
      el("p", {}, words.confirmed(named(request.with), named(request))),
      this.#until(request, WORDS.pairs.openUntil),
      button(WORDS.pairs.open, () => openWho(this.#app, request), { class: "small primary" }),
    );
  }

  #item(...children) {
    return el("li", { class: "pair" }, children);
  }

  #until(request, words = WORDS.pairs.until) {
    return el("p", { class: "hint" }, words(clock(request.until - this.#app.skew)));
  }

  #confirm(request) {
    const words = WORDS.pairs[request.what];
    const name = named(request);
    openDialog({
      title: words.wants(named(request.by), name),
      build: (close) => {
        const problem = el("p", { class: "problem", role: "alert" });
        const act = async () => {
          yes.disabled = true;
          try {
            this.#take(await this.#app.connection.send("confirm", { request: request.request }));
            close();
            announce(words.done(name));
            say(words.done(name));
          } catch (trouble) {
            fill(problem, problemText(trouble));
            this.refresh();
          } finally {
            yes.disabled = false;
          }
        };
        const yes = button(words.yes, act, { class: request.what === "erase" ? "danger" : "primary" });
        return [
          el("blockquote", { dir: "auto" }, request.reason),
          el("p", {}, words.happens),
          el("p", { class: "hint" }, WORDS.pairs.sure(named(request.by))),
          problem,
          el("div", { class: "actions" }, yes, button(WORDS.pairs.no, close, { class: "quiet" })),
        ];
      },
    });
  }
}

/** What is known of somebody, once a second person confirmed it; each look is in the record. */
export async function openWho(app, request) {
  const words = WORDS.pairs.break_glass;
  let seen;
  try {
    seen = await app.connection.send("break_glass", { request: request.request });
  } catch (problem) {
    say(problemText(problem));
    return;
  }
  const { user, rooms } = seen;
  const facts = [
    [words.name, user.name],
    [words.country, user.country],
    [words.language, user.language],
    [words.invite, user.invite],
    [words.id, user.id],
  ].filter(([, value]) => value);
  openDialog({
    title: named(user),
    wide: true,
    body: [
      el("p", { class: "hint" }, words.kept),
      el("dl", { class: "facts" }, facts.map(([label, value]) => [el("dt", {}, label), el("dd", { dir: "auto" }, value)])),
      rooms.length ? rooms.map((room) => textsOf(app, request, room)) : el("p", { class: "hint" }, words.nowhere),
    ],
  });
}

/** Their messages in one room, the latest first to be asked for. */
function textsOf(app, request, room) {
  const words = WORDS.pairs.break_glass;
  const list = el("ol", { class: "texts" });
  const status = el("p", { class: "hint", role: "status" });
  let before;
  const more = button(words.texts(app.roomTitle(room)), async () => {
    more.disabled = true;
    try {
      const position = before ? { before } : {};
      const { events, more: isMore } = await app.connection.send("break_glass", { request: request.request, room, ...position });
      list.prepend(...events.map((event) =>
        el("li", {}, el("time", { class: "hint" }, `${new Date(event.at).toLocaleDateString()} ${clock(event.at)}`), el("p", { class: "text", dir: "auto" }, event.text ?? words.gone))));
      before = events[0]?.seq ?? before;
      fill(status, list.childElementCount ? "" : words.none);
      fill(more, words.earlier);
      more.hidden = !isMore;
    } catch (problem) {
      fill(status, problemText(problem));
    } finally {
      more.disabled = false;
    }
  }, { class: "small" });
  return el("section", { class: "their-texts" }, el("h3", {}, app.roomTitle(room)), more, list, status);
}
