/**
 * The list of messages: drawn anew only where something changed, scrolled kindly, walked with the arrow keys.
 */

import { button, el, fill } from "./dom.js";
import { draw } from "./message.js";
import { isSame } from "./timeline.js";
import { WORDS } from "./words.js";

const NEAR = 90;

/**
 * `view` is what `draw` needs; `older()` fetches an earlier page and resolves with whether there was one; `begins` stands
 * where nothing is earlier.
 */
export class LogView {
  #drawn = new Map();
  #older;
  #view;
  #list;
  #top;
  #fresh;
  #begins;
  #unseen = 0;
  #follows = true;
  #seenAt = 0;
  #current = null;

  constructor({ view, older, begins = WORDS.begins }) {
    this.#view = view;
    this.#begins = begins;
    this.#older = older;
    this.#top = el("div", { class: "log-top" });
    this.#list = el("ol", { class: "log-list" });
    this.scroller = el("div", { class: "log" }, this.#top, this.#list);
    this.#fresh = button("", () => this.toEnd(), { class: "fresh primary small", hidden: true });
    this.node = el("section", { class: "log-frame", "aria-label": "Messages" }, this.scroller, this.#fresh);
    // Support that opens below takes height from the list: who read the newest message goes on reading it.
    new ResizeObserver(() => {
      if (this.#follows) this.scroller.scrollTop = this.scroller.scrollHeight;
    }).observe(this.scroller);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("focusin", (event) => this.#take(event.target.closest(".item")));
  }

  /** Show these items. `whole`: there is nothing earlier. `arrived`: how many messages of others are new. */
  show(items, { whole, arrived = 0 }) {
    const atEnd = this.#follows;
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    const grewAtTop = this.#list.firstElementChild && items.length
      && this.#firstId() !== firstStable(items) && !atEnd;
    this.#reconcile(items);
    fill(this.#top, whole
      ? el("p", { class: "hint" }, this.#begins)
      : button("Earlier messages", () => this.#page(), { class: "quiet small" }));
    if (atEnd) this.toEnd(false);
    else if (grewAtTop) this.scroller.scrollTop = this.scroller.scrollHeight - fromEnd;
    if (!atEnd && arrived) {
      this.#unseen += arrived;
      fill(this.#fresh, this.#unseen === 1 ? "1 new message" : `${this.#unseen} new messages`);
      this.#fresh.hidden = false;
    }
  }

  /** Draw one item again although its source is the same: what one sees of it changed. */
  redraw(id) {
    const known = this.#drawn.get(id);
    if (known) this.#swap(known, known.item);
  }

  /** Draw again what counts down: texts that wait to be sent. */
  tick() {
    for (const [id, { item }] of this.#drawn) {
      if (item.kind === "unsent" && item.source.state === "waiting") this.redraw(id);
    }
  }

  /** To the newest message. */
  toEnd(focus = true) {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#follows = true;
    this.#unseen = 0;
    this.#fresh.hidden = true;
    if (focus) this.#focusOn(this.#items().at(-1));
  }

  /** To one message, and put the focus on it; false when it is not loaded. */
  jump(seq) {
    const known = this.#drawn.get(`seq ${seq}`);
    if (!known) return false;
    known.node.scrollIntoView({ block: "center" });
    this.#focusOn(known.node);
    known.node.classList.add("found");
    setTimeout(() => known.node.classList.remove("found"), 2_000);
    return true;
  }

  #reconcile(items) {
    const keep = new Set(items.map((item) => item.id));
    for (const [id, { node }] of this.#drawn) {
      if (keep.has(id)) continue;
      if (node === this.#current) this.#current = null;
      node.remove();
      this.#drawn.delete(id);
    }
    let before = null;
    for (const item of items) {
      let known = this.#drawn.get(item.id);
      if (!known) {
        known = { item, node: draw(item, this.#view) };
        stops(known.node, -1);
        this.#drawn.set(item.id, known);
      } else if (!isSame(known.item, item)) {
        this.#swap(known, item);
      }
      const wanted = before ? before.nextElementSibling : this.#list.firstElementChild;
      if (wanted !== known.node) this.#list.insertBefore(known.node, wanted);
      before = known.node;
    }
    // The newest is the one to begin at, until somebody has walked to another.
    if (!this.#current || (this.#follows && !this.#list.contains(document.activeElement))) this.#take(this.#items().at(-1));
  }

  /** Put a new drawing in place of an old one, the focus where it was. */
  #swap(known, item) {
    const old = known.node;
    const hadFocus = old.contains(document.activeElement);
    const act = document.activeElement?.dataset.act;
    known.item = item;
    known.node = draw(item, this.#view);
    stops(known.node, -1);
    old.replaceWith(known.node);
    if (old === this.#current) {
      this.#current = null;
      this.#take(known.node);
    }
    if (hadFocus) (known.node.querySelector(act ? `[data-act="${act}"]` : "none") ?? known.node).focus();
  }

  /** One stop for Tab in the whole list: the message last walked to, and its own buttons. */
  #take(node) {
    if (!node || node === this.#current) return;
    if (this.#current) stops(this.#current, -1);
    stops(node, 0);
    this.#current = node;
  }

  #key(event) {
    const item = event.target.closest(".item");
    if (!item || event.target.closest(".menu")) return;
    const all = this.#items();
    const here = all.indexOf(item);
    const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 };
    if (event.key in steps) {
      event.preventDefault();
      if (event.key === "ArrowUp" && here === 0) this.#page();
      this.#focusOn(all[Math.min(Math.max(0, steps[event.key]), all.length - 1)]);
    } else if (event.target === item && (event.key === "Enter" || event.key === "ContextMenu")) {
      const more = item.querySelector('[data-act="reveal"]') ?? item.querySelector('[data-act="more"]');
      if (more) {
        event.preventDefault();
        more.click();
      }
    }
  }

  #focusOn(node) {
    if (!node) return;
    this.#take(node);
    node.focus();
  }

  #items() {
    return [...this.#list.querySelectorAll(".item[tabindex]")];
  }

  #firstId() {
    return this.#list.querySelector(".item[tabindex]")?.dataset.id;
  }

  #isAtEnd() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR;
  }

  /** Only the person's own scrolling up ends following: a list that lost height to a note below it has not moved. */
  #scrolled() {
    const at = this.scroller.scrollTop;
    this.#follows = this.#isAtEnd() || (this.#follows && at >= this.#seenAt);
    this.#seenAt = at;
    if (this.#follows) {
      this.#unseen = 0;
      this.#fresh.hidden = true;
    }
    if (this.scroller.scrollTop < NEAR && this.scroller.scrollHeight > this.scroller.clientHeight + NEAR) this.#page();
  }

  #page() {
    this.#older().catch(() => {});
  }
}

function firstStable(items) {
  return items.find((item) => item.kind !== "day" && item.kind !== "away")?.id;
}

function stops(item, index) {
  for (const one of item.querySelectorAll("button, a")) one.tabIndex = index;
  if (item.hasAttribute("tabindex")) item.tabIndex = index;
}
