/**
 * What stands around every view: the header with its buttons, the line's state, the side panel with its tabs.
 *
 * Support and Leave are in the header of every view.
 */

import { button, byId, el, fill, freshId, icon, wait } from "./dom.js";
import { menuButton } from "./menu.js";
import { WORDS } from "./words.js";

const WIDE = "(min-width: 64rem)";

/** `onSupport()` and `onLeave()` are the two buttons that are always there. */
export class Frame {
  #tabs = [];
  #current = null;
  #opener = null;
  #line = { state: "open" };
  #retry;

  constructor({ onSupport, onLeave, onRetry }) {
    this.#retry = onRetry;
    this.title = el("div", { class: "top-title" });
    this.items = el("div", { class: "top-items" });
    this.support = button([icon("help"), el("span", {}, "Support")], onSupport, { class: "support" });
    this.leave = button([icon("exit"), el("span", {}, "Leave")], onLeave, {
      class: "leave",
      title: WORDS.leave,
    });
    fill(byId("top"), this.title, this.items, this.support, this.leave);
    setInterval(() => this.#tick(), 1_000);
    matchMedia(WIDE).addEventListener("change", () => this.#fit());
    byId("side").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.target.closest(".menu") && !matchMedia(WIDE).matches) this.closeSide();
    });
    this.show({ title: "Hearth" });
  }

  /**
   * The header of a view. `items`: `{label, icon, act, badge?, tone?, isPanel?, isAlways?}`; on a narrow screen they
   * are a menu, but for those that are always in sight.
   */
  show({ title, lead = "", items = [], tabs = [], heading = "p" }) {
    fill(this.title, el(heading, { class: "top-name" }, title), lead && el("p", { class: "top-lead", title: lead }, lead));
    this.#tabs = tabs;
    if (!tabs.some((tab) => tab.id === this.#current)) this.#current = tabs[0]?.id ?? null;
    this.setItems(items);
    this.#drawSide();
  }

  /** The header's buttons, drawn again where a badge or a label changed. */
  setItems(items) {
    const signature = JSON.stringify(items.map(({ label, badge, tone }) => [label, badge, tone]));
    if (signature === this.signature) {
      this.current = items;
      return;
    }
    this.signature = signature;
    this.current = items;
    const act = (index) => (event) => {
      const item = this.current[index];
      if (!item.isPanel) this.closeSide();
      item.act(event);
    };
    const focused = this.items.contains(document.activeElement) ? document.activeElement.dataset.item : null;
    const badges = items.filter((item) => item.badge && !item.isAlways);
    fill(
      this.items,
      items.map((item, index) =>
        el(
          "button",
          { type: "button", class: `quiet ${item.isAlways ? "always" : "wide-only"} ${item.tone ?? ""}`, data: { item: item.icon }, on: { click: act(index) } },
          icon(item.icon),
          el("span", {}, item.label),
          item.badge ? el("span", { class: "badge" }, String(item.badge)) : null,
        )),
      items.length > 0 && menuButton(
        badges.length ? `Menu, ${badges.map((item) => `${item.label} ${item.badge}`).join(", ")}` : "Menu",
        () => this.current.map((item, index) => !item.isAlways && ({
          label: [item.label, item.badge ? el("span", { class: "badge" }, String(item.badge)) : null],
          act: act(index),
        })).filter(Boolean),
        { class: "quiet narrow-only", data: { item: "menu" } },
        icon("more"),
      ),
    );
    if (focused) this.items.querySelector(`[data-item="${focused}"]`)?.focus();
  }

  /** Show one tab of the side panel; on a narrow screen it covers the view until it is closed. */
  openSide(id) {
    this.#current = id;
    this.#opener = document.activeElement;
    byId("side").classList.add("open");
    this.#drawSide();
    byId("side").querySelector('[role="tab"][aria-selected="true"], h2')?.focus();
  }

  closeSide() {
    const side = byId("side");
    const covered = side.classList.contains("open") && !matchMedia(WIDE).matches;
    side.classList.remove("open");
    this.#fit();
    if (covered && this.#opener?.isConnected) this.#opener.focus();
  }

  #drawSide() {
    const side = byId("side");
    side.hidden = this.#tabs.length === 0;
    if (side.hidden) {
      side.classList.remove("open");
      fill(side);
      this.#fit();
      return;
    }
    const panelId = freshId("panel");
    const current = this.#tabs.find((tab) => tab.id === this.#current) ?? this.#tabs[0];
    const tabs = this.#tabs.map((tab) => {
      const isCurrent = tab === current;
      const node = el(
        "button",
        { type: "button", role: "tab", "aria-selected": String(isCurrent), "aria-controls": panelId, tabindex: isCurrent ? 0 : -1, on: { click: () => this.openSide(tab.id) } },
        tab.label,
        el("span", { class: "badge", hidden: true }),
      );
      tab.node = node;
      this.setBadge(tab.id, tab.badge);
      return node;
    });
    const list = el("div", { class: "tabs", role: "tablist", "aria-label": "Side panel" }, tabs);
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (this.#tabs.indexOf(current) + step + this.#tabs.length) % this.#tabs.length;
      this.openSide(this.#tabs[next].id);
    });
    const close = el("button", { type: "button", class: "quiet round side-close", "aria-label": "Close", on: { click: () => this.closeSide() } }, icon("close"));
    fill(
      side,
      el("div", { class: "side-head" }, list, close),
      el(
        "div",
        { class: "side-body", id: panelId, role: "tabpanel", "aria-label": current.label, tabindex: 0 },
        el("h2", { class: "heard" }, current.label),
        current.panel,
      ),
    );
    this.#fit();
  }

  /** The number on a tab. */
  setBadge(id, badge) {
    const tab = this.#tabs.find((one) => one.id === id);
    if (!tab) return;
    tab.badge = badge;
    const mark = tab.node?.querySelector(".badge");
    if (!mark) return;
    mark.hidden = !badge;
    fill(mark, badge ? String(badge) : "");
  }

  /** While the panel covers the view, nothing under it takes the focus. */
  #fit() {
    const covers = byId("side").classList.contains("open") && !matchMedia(WIDE).matches;
    byId("main").inert = covers;
  }

  /** How the line stands. An open one says nothing. */
  showLine(line) {
    this.#line = line;
    this.#tick();
  }

  #tick() {
    const node = byId("line");
    if (!node) return; // the page was left
    const words = WORDS.line;
    const { state, at, tries, draining } = this.#line;
    const isQuiet = state === "open" || state === "ended" || (state === "connecting" && !tries);
    node.hidden = isQuiet;
    if (isQuiet) {
      fill(node);
      return;
    }
    const left = at ? (at - Date.now()) / 1000 : 0;
    const text = draining ? words.draining : state === "waiting" && left >= 1 ? words.waiting(wait(left)) : words.retrying;
    if (!node.firstChild) {
      this.said = el("span", {});
      this.tryNow = button(words.now, () => this.#retry(), { class: "small" });
      fill(node, this.said, this.tryNow);
    }
    this.tryNow.hidden = state !== "waiting" || Boolean(draining);
    // Counting down aloud would be a nuisance: the seconds are for the eye.
    this.said.setAttribute("aria-live", tries > 1 ? "off" : "polite");
    if (this.said.textContent !== text) fill(this.said, text);
  }
}
