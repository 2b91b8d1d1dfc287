/**
 * A menu that hangs from a button: arrow keys move, Enter chooses, Escape closes and gives the focus back.
 */

import { el } from "./dom.js";

const MARGIN = 8;

/**
 * Open a menu at `anchor`. `items`: `{label, act, danger?, checked?}` or `null` for a line between groups. With
 * `checked` given, an item says whether it is on.
 */
export function openMenu(anchor, items, { label }) {
  document.querySelector(".menu")?.hidePopover();
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" });
  for (const item of items) menu.append(item ? entry(item, menu) : el("div", { class: "rule", role: "separator" }));
  (anchor.closest("main, aside, header") ?? document.body).append(menu);
  menu.showPopover();
  settle(menu, anchor);
  anchor.setAttribute("aria-expanded", "true");
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    anchor.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    menu.remove();
  });
  menu.addEventListener("keydown", (event) => move(event, menu));
  choices(menu)[0]?.focus();
}

/** A button that opens a menu; `items()` is asked each time. */
export function menuButton(label, items, attrs = {}, ...children) {
  const anchor = el(
    "button",
    { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, ...attrs },
    ...children,
  );
  anchor.addEventListener("click", () => openMenu(anchor, items(), { label }));
  return anchor;
}

function entry({ label, act, danger, checked }, menu) {
  const role = checked === undefined ? "menuitem" : "menuitemcheckbox";
  const node = el(
    "button",
    { type: "button", role, class: danger ? "danger" : "", tabindex: -1, "aria-checked": checked?.toString() },
    label,
  );
  node.addEventListener("click", () => {
    menu.hidePopover();
    act();
  });
  return node;
}

function choices(menu) {
  return [...menu.querySelectorAll("button")];
}

function move(event, menu) {
  const all = choices(menu);
  const here = all.indexOf(document.activeElement);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 };
  if (event.key === "Tab") menu.hidePopover();
  else if (event.key in steps) {
    event.preventDefault();
    all.at(steps[event.key] % all.length)?.focus();
  } else if (event.key.length === 1) {
    const letter = event.key.toLowerCase();
    const next = [...all.slice(here + 1), ...all.slice(0, here + 1)];
    next.find((one) => one.textContent.toLowerCase().startsWith(letter))?.focus();
  }
}

function settle(menu, anchor) {
  const at = anchor.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const below = at.bottom + 4 + size.height < innerHeight - MARGIN;
  const top = below ? at.bottom + 4 : Math.max(MARGIN, at.top - size.height - 4);
  const left = Math.min(Math.max(MARGIN, at.right - size.width), innerWidth - size.width - MARGIN);
  menu.style.setProperty("top", `${top}px`);
  menu.style.setProperty("left", `${left}px`);
}
