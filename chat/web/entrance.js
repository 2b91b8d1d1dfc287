/**
 * The way in: a link, a name, the choice of a room, the agreement; and the view once one has left.
 *
 * Each function draws one view into `#main` and calls back with what the person chose.
 */

import { countryOptions } from "./countries.js";
import { field, form } from "./dialogs.js";
import { button, byId, el, fill, icon } from "./dom.js";
import { readPasted } from "./identity.js";
import { ROLES, WORDS } from "./words.js";

/** Draw a view and put the focus on its heading, so that it is read out. */
function show(title, ...children) {
  const heading = el("h1", { tabindex: -1 }, title);
  const main = byId("main");
  main.className = "entrance";
  fill(main, el("div", { class: "sheet" }, heading, ...children));
  heading.focus({ preventScroll: true });
  return main;
}

/** Nothing to come in with yet: ask for the link. */
export function askForLink({ onLink, note }) {
  const words = WORDS.entrance;
  const asked = form({
    fields: [{ name: "link", label: words.link, autofocus: true, spellcheck: "false" }],
    confirm: "Go on",
    act: async ({ link }) => {
      const read = readPasted(link);
      if (!read.token && !read.invite) throw { reply: { text: words.linkUnread } };
      onLink(read);
    },
  });
  show(words.noLink, note && el("p", { class: "notice" }, note), el("p", { class: "lead" }, words.noLinkLead), asked.node);
}

/** With an invitation: a name to go by, a country if they like. `problem` is what the server said to the last try. */
export function askForName({ onEnter, problem, was = {} }) {
  const words = WORDS.entrance;
  const name = field({ name: "name", label: words.name, hint: words.nameHint, value: was.name ?? "", maxlength: 60 });
  const country = field({
    name: "country",
    label: words.country,
    kind: "select",
    hint: words.countryHint,
    options: countryOptions(),
    value: was.country ?? "",
  });
  const remember = field({
    name: "remember",
    label: words.remember,
    kind: "check",
    hint: words.rememberHint,
    value: was.remember,
  });
  const trouble = el("p", { class: "problem", role: "alert" }, problem);
  const asked = el(
    "form",
    { class: "form" },
    name.node,
    trouble,
    country.node,
    remember.node,
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, words.enter)),
  );
  asked.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!name.read()) {
      fill(trouble, words.nameMissing);
      name.input.focus();
      return;
    }
    onEnter({ name: name.read(), country: country.read(), remember: remember.read() });
  });
  show(words.title, el("p", { class: "lead" }, words.lead), asked);
  if (problem) {
    name.input.setAttribute("aria-invalid", "true");
    name.input.focus();
  }
}

/** While the first connection is being made. */
export function showWaiting(text = WORDS.entrance.wait) {
  const main = byId("main");
  main.className = "entrance";
  fill(main, el("p", { class: "waiting", role: "status" }, text));
}

/** Several rooms: choose one. */
export function chooseRoom({ rooms, onRoom }) {
  const words = WORDS.rooms;
  const list = rooms.map(({ room, title, role }) =>
    el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "room-choice", on: { click: () => onRoom(room) } },
        el("span", { class: "room-name" }, title || room),
        ROLES[role] && el("span", { class: "tag" }, ROLES[role]),
      ),
    ),
  );
  show(words.title, rooms.length ? el("ul", { class: "room-list" }, list) : el("p", { class: "lead" }, words.none));
}

/** The agreement of a room, in full, to be accepted by version. */
export function askAgreement({ agreement, onAgree, onDecline, trouble }) {
  const words = WORDS.agreement;
  show(
    words.title,
    el("p", { class: "lead" }, words.lead),
    el("div", { class: "agreement-text" }, paragraphs(agreement.text)),
    trouble && el("p", { class: "problem", role: "alert" }, trouble),
    el(
      "div",
      { class: "actions" },
      button(words.yes, onAgree, { class: "primary" }),
      button(words.no, onDecline, { class: "quiet" }),
    ),
  );
}

/**
 * Out: why, kindly, and the way back in where there is one. `help` is a form that still reaches the team, `note` what
 * happens by itself.
 */
export function showEnded({ title = WORDS.ended.title, text, again, label, help, note }) {
  show(
    title,
    text && el("p", { class: "lead" }, text),
    el("div", { class: "opened", role: "status" }, note && el("p", { class: "hint" }, note)),
    help,
    el("div", { class: "actions" }, again && button(label || WORDS.ended.again, again, { class: help ? "" : "primary" })),
    el("p", { class: "hint elsewhere" }, icon("help"), " ", helplineLink()),
  );
}

/** Out of all rooms: how that stands, `help` where their words called for it, and another look, by `ask(text)`. */
export function showBanned({ text, help, ask }) {
  const words = WORDS.banned;
  const asked = ask && form({
    fields: [{ name: "text", label: words.label, kind: "textarea", maxlength: 2000, required: true }],
    confirm: words.ask,
    act: async (said) => ask(said.text),
  });
  show(
    words.title,
    el("p", { class: "lead" }, text),
    help && el("section", { class: "tray", "aria-label": WORDS.help.forYou }, help),
    asked?.node,
    el("p", { class: "hint elsewhere" }, icon("help"), " ", helplineLink()),
  );
}

/** In the view of one who waits outside: the room has opened, and they may come in when they are ready. */
export function tellOpened(text, enter) {
  const place = byId("main").querySelector(".opened");
  fill(place, el("p", { class: "notice" }, text), button(WORDS.ended.again, enter, { class: "primary" }));
}

/** The one line that is right everywhere. */
export function helplineLink() {
  return el(
    "a",
    { href: "https://findahelpline.com/", rel: "noreferrer noopener", target: "_blank" },
    WORDS.help.elsewhere,
  );
}

/** Plain text as paragraphs, and as a list where its lines begin with a dash. */
export function paragraphs(text) {
  return text.trim().split(/\n\s*\n/).map((block) => {
    const lines = block.split("\n").map((line) => line.trim()).filter(Boolean);
    const isList = (line) => /^[-*•]\s+/.test(line);
    const out = [];
    for (const line of lines) {
      if (!isList(line)) out.push(el("p", {}, line));
      else {
        if (out.at(-1)?.tagName !== "UL") out.push(el("ul"));
        out.at(-1).append(el("li", {}, line.replace(/^[-*•]\s+/, "")));
      }
    }
    return out;
  });
}
