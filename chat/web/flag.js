/** One flag of the queue as an element: what it is, what may be done, and, once claimed, the context and the decision. */

import { evidenceButton, lineOf, notesOf } from "./colleagues.js";
import { decisionForm } from "./decision.js";
import { button, clock, el, icon, wait } from "./dom.js";
import { menuButton } from "./menu.js";
import { askFor } from "./pairs.js";
import { parentOf } from "./talk.js";
import { DECIDED, KINDS, RANK, SEVERITIES, WORDS } from "./words.js";

/** Rules that are named before a flag is taken. */
const FEW = 3;

/**
 * The element. `claim`: `{context, until, touched}` once it is one's own. `kept`: the element before, whose half-written
 * decision and opened context are carried over.
 */
export function drawFlag(flag, { app, claim, isShown, act, kept }) {
  const severity = SEVERITIES[flag.severity] ?? SEVERITIES.none;
  const isModerator = RANK[app.roleIn(flag.room)] >= RANK.moderator;
  const holder = flag.claimed_by && flag.claimed_by.id !== app.me.id ? flag.claimed_by : null;
  const attends = flag.attended_by?.some((who) => who.id === app.me.id);
  const now = Date.now() + (app.skew ?? 0);
  const node = el(
    "li",
    { class: `flag ${flag.severity} ${claim ? "claimed" : ""}`, data: { flag: flag.flag } },
    el(
      "div",
      { class: "flag-head" },
      el("h3", { tabindex: -1 }, el("span", { class: "severity" }, severity.word), el("span", { class: "kind" }, KINDS[flag.kind] ?? flag.kind)),
      el("span", { class: `due ${flag.due_at && flag.due_at < now && !flag.attended_by?.length ? "over" : ""}` }, dueText(flag, now)),
    ),
    el("p", { class: "clock hint", hidden: !clockText(flag, now) }, clockText(flag, now)),
    el(
      "p",
      { class: "flag-about" },
      el("strong", {}, flag.author?.name ?? "Somebody"),
      ` in ${app.roomTitle(flag.room)}, ${clock(flag.opened_at)}`,
      stands(flag) && [" ", el("span", { class: "tag" }, stands(flag))],
    ),
    rules(flag, claim ? Infinity : FEW),
    reportsOf(flag),
    text(flag, isShown, act),
    flag.against && el("p", { class: "hint" }, WORDS.queue.appeals(DECIDED[flag.against.action] ?? flag.against.action, clock(flag.against.at))),
    notesOf(flag),
    holder && el("p", { class: "hint holder" }, icon("shield"), WORDS.queue.conflict(holder.name)),
    el(
      "div",
      { class: "row" },
      isModerator && !claim && !holder && button("Take this", act.claim, { class: "small primary", data: { act: "claim" } }),
      !attends && button("I'm with them", act.attend, { class: "small", data: { act: "attend" } }),
      claim && button("Give back", act.unclaim, { class: "small", data: { act: "unclaim" } }),
      flag.author?.role === "participant" && !parentOf(flag.room)
        && button("Talk privately", () => app.talks.offer(flag.room, flag.author), { class: "small", data: { act: "talk" } }),
      menuButton("More for this flag", () => moreItems(flag, app, act), { class: "quiet round", data: { act: "more" } }, icon("more")),
    ),
  );
  if (claim) {
    node.append(
      kept?.querySelector(".contexts") ?? contextOf(claim.context, app, flag),
      kept?.querySelector(".decision") ?? decisionForm(flag, claim, act, app.mayBan),
    );
  }
  return node;
}

/** What is done more rarely, behind one button. */
function moreItems(flag, app, act) {
  const { author } = flag;
  const name = author?.name || "this person";
  return [
    { label: "A word to colleagues…", act: act.note },
    Boolean(author) && { label: `Write privately to ${name}`, act: () => app.whisper(flag.room, author) },
    Boolean(flag.seq) && { label: "Go to the message", act: () => app.openRoom(flag.room, flag.seq) },
    ...(app.mayAsk && author && author.id !== app.me.id ? [
      null,
      { label: WORDS.pairs.break_glass.menu(name), act: () => askFor("break_glass", app, author) },
      { label: WORDS.pairs.erase.menu(name), act: () => askFor("erase", app, author), danger: true },
    ] : []),
  ].filter((item) => item !== false);
}

/** Where a message stands; what is asked for stands nowhere. */
function stands(flag) {
  if (flag.against || flag.kind === "help") return "";
  return { held: "Waits", blocked: "Kept out", delivered: "In the room" }[flag.verdict] ?? "";
}

/** Why it is here: its categories, and `most` of the rules that spoke. */
function rules(flag, most) {
  const words = (names) => [...new Set(names.map((name) => String(name).replace(/[_.]/g, " ")))];
  const categories = words(flag.categories ?? []);
  const spoke = words((flag.reasons ?? []).map((reason) => reason.rule)).filter((name) => !categories.includes(name));
  const shown = [...categories, ...spoke.slice(0, most)];
  const more = spoke.length - Math.min(most, spoke.length);
  if (!shown.length) return null;
  return el(
    "ul",
    { class: "rules", "aria-label": "Why it is here" },
    shown.map((name) => el("li", {}, name)),
    more > 0 && el("li", {}, `and ${more} more`),
  );
}

function reportsOf(flag) {
  if (!flag.reports?.length) return null;
  return el(
    "ul",
    { class: "reports" },
    flag.reports.map((report) => el("li", {}, `Report: ${report.reason || "no words added"}`)),
  );
}

/** What was written; with the parts that a rule names marked. It is not in the page before it is asked for. */
function text(flag, isShown, act) {
  const texts = [{ text: flag.text, reasons: flag.reasons }, ...(flag.also ?? [])].filter((one) => one.text);
  if (texts.length === 0) {
    return flag.kind === "help" ? el("p", { class: "hint" }, "They asked for somebody, without words.") : null;
  }
  if (!isShown) {
    return el(
      "div",
      { class: "covered" },
      el("span", { class: "blur", "aria-hidden": "true" }),
      button(texts.length > 1 ? `Show the ${texts.length} texts` : "Show the text", act.reveal, { class: "small", data: { act: "reveal" } }),
    );
  }
  return el(
    "div",
    { class: "uncovered" },
    texts.map((one) => el("blockquote", { dir: "auto" }, marked(one.text, one.reasons ?? []))),
    button("Cover it again", act.cover, { class: "small quiet", data: { act: "reveal" } }),
  );
}

/** A text with its spans marked. Spans are half-open and count code points. */
export function marked(words, reasons) {
  const points = [...words];
  const isMarked = new Array(points.length).fill(false);
  for (const { span } of reasons) {
    if (span) isMarked.fill(true, Math.max(0, span[0]), Math.min(points.length, span[1]));
  }
  const parts = [];
  for (let start = 0; start < points.length; ) {
    let end = start + 1;
    while (end < points.length && isMarked[end] === isMarked[start]) end += 1;
    const part = points.slice(start, end).join("");
    parts.push(isMarked[start] ? el("mark", {}, part) : part);
    start = end;
  }
  return parts;
}

function contextOf(context = {}, app, about) {
  const lines = (events = []) =>
    events.filter((event) => event.type === "message").map((event) =>
      el(
        "li",
        {},
        el("span", { class: "name" }, event.from?.id === app.me.id ? "You" : event.from?.name ?? ""),
        " ",
        event.retracted ? el("span", { class: "hint" }, "no longer there") : event.text,
      ));
  const part = (title, items) => items.length > 0
    && el("details", { class: "context" }, el("summary", {}, `${title} (${items.length})`), el("ol", {}, items));
  const earlier = (context.earlier ?? []).map((flag) =>
    el("li", {}, `${SEVERITIES[flag.severity]?.word ?? ""}, ${KINDS[flag.kind] ?? flag.kind}, ${new Date(flag.opened_at).toLocaleDateString()}`,
      flag.decision?.action && el("span", { class: "hint" }, `: ${DECIDED[flag.decision.action] ?? flag.decision.action}`),
      " ",
      evidenceButton(flag, app)));
  const first = about.against && (context.earlier ?? []).find((flag) => flag.flag === about.against.flag);
  const reports = (context.reports ?? []).map((report) => el("li", {}, `${clock(report.at)}: ${report.reason || "no words added"}`));
  return el(
    "div",
    { class: "contexts" },
    first && el("div", { class: "row" }, evidenceButton(first, app, "Open the text that was decided")),
    lineOf(context.line),
    part("Around it", lines(context.around)),
    part("What they wrote lately", lines(context.recent)),
    part("Earlier flags about them", earlier),
    part("Reports", reports),
  );
}

/** When the next in the chain is called, while nobody is there; nothing where no clock runs. */
export function clockText(flag, now) {
  if (!flag.next_at || flag.attended_by?.length) return "";
  const left = (flag.next_at - now) / 1000;
  return left > 0 ? WORDS.queue.next(wait(left)) : WORDS.queue.calling;
}

/** Time left to a flag, in words. */
export function dueText(flag, now) {
  if (flag.attended_by?.length) return `With ${flag.attended_by.map((who) => who.name ?? who).join(", ")}`;
  if (!flag.due_at) return "";
  const left = (flag.due_at - now) / 1000;
  return left >= 0 ? `${wait(left)} left` : `${wait(-left)} over`;
}
