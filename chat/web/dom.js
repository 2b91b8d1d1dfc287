/**
 * Building the page: elements from plain values, text only ever as text.
 *
 * Nothing here parses markup, so nothing that a person wrote can become part of the page.
 */

/**
 * One element. `attrs`: `class`, `data` (map), `on` (map of listeners), booleans, anything else an attribute;
 * `null`, `undefined` and `false` are left out. Children: elements, strings, numbers, nested arrays, nothing.
 */
export function el(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [kind, listener] of Object.entries(value)) node.addEventListener(kind, listener);
    } else if (name === "data") {
      for (const [key, text] of Object.entries(value)) node.dataset[key] = text;
    } else if (name === "class") {
      node.className = value;
    } else if (name === "value") {
      node.value = value;
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...fragments(children));
  return node;
}

/** A button that does not submit; `label` is its whole name. */
export function button(label, onclick, attrs = {}) {
  return el("button", { type: "button", ...attrs, on: { click: onclick, ...attrs.on } }, label);
}

/** Replace all that `node` holds. */
export function fill(node, ...children) {
  node.replaceChildren(...fragments(children));
  return node;
}

function fragments(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** The element of that id in the page's own markup. */
export function byId(id) {
  return document.getElementById(id);
}

let counter = 0;

/** An id that is unique in this page, to tie labels and descriptions to what they name. */
export function freshId(prefix = "x") {
  counter += 1;
  return `${prefix}-${counter}`;
}

const SHAPES = {
  more: "M5 12h.01M12 12h.01M19 12h.01",
  reply: "M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6v1",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.01M15 9.5v.01",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.3a6.5 6.5 0 0 1 3.5 5.7",
  queue: "M4 6h16M4 12h16M4 18h10",
  help: "M12 20.5s-7.5-4.4-7.5-10A4.3 4.3 0 0 1 12 7.6a4.3 4.3 0 0 1 7.5 2.9c0 5.6-7.5 10-7.5 10",
  exit: "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5M9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5",
  controls: "M6 4v8M6 16v4M12 4v2M12 10v10M18 4v10M18 18v2M3.5 14h5M9.5 8h5M15.5 16h5",
  pin: "M9 4h6l-1 6 3.5 3.5h-11L10 10zM12 13.5V20",
  hand: "M7 12V6.5a1.5 1.5 0 0 1 3 0V11M10 11V4.5a1.5 1.5 0 0 1 3 0V11M13 11V6a1.5 1.5 0 0 1 3 0v6M16 12V9a1.5 1.5 0 0 1 3 0v5a7 7 0 0 1-7 7c-3.5 0-5-2-7-5.5-.8-1.4.9-2.8 2-1.5l1 1.2",
  send: "M5 12h13M12 5.5 18.5 12 12 18.5",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6 6 18",
  rooms: "M4 11.5 12 5l8 6.5M6 10v9.5h12V10",
  shield: "M12 3.5l7 2.5v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6z",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7.5V12l3 2",
};

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing beside a label; hidden from assistive technology, which reads the label. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", `icon icon-${name}`);
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("focusable", "false");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  drawing.append(path);
  return drawing;
}

/** Say something to those who hear the page. `assertive` interrupts: only for imminent danger. */
export function announce(text, { assertive = false } = {}) {
  const region = byId(assertive ? "announce-now" : "announce");
  if (!region) return; // the page was left
  const line = el("p", {}, text);
  region.append(line);
  while (region.childElementCount > 12) region.firstElementChild.remove();
}

/** Words that stand at once: more would cover the page. */
const SAID = 3;

/**
 * A short word to the person that goes by itself; heard politely, unless it is said aloud in another way. Words of one
 * `group` that come while the first still stands are told as one, by `many(count)`.
 */
export function say(text, { isHeard = true, group, many } = {}) {
  const place = byId("toasts");
  if (!place) return; // the page was left
  const before = many && [...place.children].find((one) => one.dataset.group === group);
  const count = before ? Number(before.dataset.count) + 1 : 1;
  before?.remove();
  const data = many ? { group, count } : {};
  const line = el("p", { class: "toast", data, "aria-hidden": isHeard ? null : "true" }, before ? many(count) : text);
  place.append(line);
  while (place.childElementCount > SAID) place.firstElementChild.remove();
  setTimeout(() => line.remove(), 4_000 + 60 * text.length);
}

/** Hour and minute as this device writes them. */
export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** A day as this device writes it, "Today" and "Tomorrow" for these. */
export function day(at, now = Date.now()) {
  const date = new Date(at);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return "Today";
  today.setDate(today.getDate() + 1);
  if (date.toDateString() === today.toDateString()) return "Tomorrow";
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

/** About how long, in words that need no watching: "less than a minute", "15 minutes", "3 hours". */
export function about(seconds) {
  const [count, word] = seconds < 5_400 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
  if (count < 1) return "less than a minute";
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** A wait in words: "45 s", "4 min 05 s", "2 h 10 min". `seconds` below zero count as zero. */
export function wait(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
