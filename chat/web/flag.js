/** One flag of the queue as an element: what it is, what may be done, and, once claimed, the context and the decision. */

import { evidenceButton, lineOf, notesOf } from "./colleagues.js";
import { button, clock, el, fill, icon, wait } from "./dom.js";
import { field } from "./dialogs.js";
import { parentOf } from "./talk.js";
import { DURATIONS, KINDS, problemText, RANK, SEVERITIES, WORDS } from "./words.js";

const SANCTIONS = new Set(["mute", "remove", "ban"]);

/** Whether a flag is about the author's own risk alone, so that no sanction may go with it. */
export function isRiskOnly(flag) {
  const { reasons = [], reports = [], kind, severity = "none" } = flag;
  const says = reasons.length > 0 || kind === "help" || severity !== "none";
  const all = [...reasons, ...(flag.also ?? []).flatMap((more) => more.reasons ?? [])];
  return says && reports.length === 0 && all.every((reason) => reason.risk);
}

/**
 * The element. `claim`: `{context, until, touched}` once it is one's own. `kept`: the element before, whose half-written
 * decision is carried over.
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
    rules(flag),
    reportsOf(flag),
    text(flag, isShown, act),
    flag.against && el("p", { class: "hint" }, `Asks for another look at: ${flag.against.action}, ${clock(flag.against.at)}`),
    notesOf(flag),
    holder && el("p", { class: "hint holder" }, icon("shield"), WORDS.queue.conflict(holder.name)),
    el(
      "div",
      { class: "row" },
      !attends && button("I'm with them", act.attend, { class: "small", data: { act: "attend" } }),
      isModerator && !claim && !holder && button("Take this", act.claim, { class: "small primary", data: { act: "claim" } }),
      claim && button("Give back", act.unclaim, { class: "small", data: { act: "unclaim" } }),
      flag.author?.role === "participant" && !parentOf(flag.room)
        && button("Talk privately", () => app.talks.offer(flag.room, flag.author), { class: "small", data: { act: "talk" } }),
      button("A word to colleagues", act.note, { class: "small quiet", data: { act: "note" } }),
      button("Write to them", () => app.whisper(flag.room, flag.author), { class: "small quiet", data: { act: "whisper" } }),
      flag.seq && button("Go to the message", () => app.openRoom(flag.room, flag.seq), { class: "small quiet", data: { act: "goto" } }),
    ),
  );
  if (claim) node.append(contextOf(claim.context, app, flag), kept?.querySelector(".decision") ?? decision(flag, claim, act, app.mayBan));
  return node;
}

function stands(flag) {
  return { held: "Waits", blocked: "Kept out", delivered: "In the room" }[flag.verdict] ?? "";
}

function rules(flag) {
  const names = [...(flag.categories ?? []), ...(flag.reasons ?? []).map((reason) => reason.rule)];
  const unique = [...new Set(names.map((name) => String(name).replace(/[_.]/g, " ")))];
  return unique.length
    ? el("ul", { class: "rules", "aria-label": "Why it is here" }, unique.map((name) => el("li", {}, name)))
    : null;
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
      flag.decision?.action && el("span", { class: "hint" }, ` ${flag.decision.action}`),
      " ",
      evidenceButton(flag, app)));
  const first = about.against && (context.earlier ?? []).find((flag) => flag.flag === about.against.flag);
  const reports = (context.reports ?? []).map((report) => el("li", {}, `${clock(report.at)}: ${report.reason || "no words added"}`));
  return el(
    "div",
    { class: "contexts" },
    first && el("div", { class: "row" }, evidenceButton(first, app)),
    lineOf(context.line),
    part("Around it", lines(context.around)),
    part("What they wrote lately", lines(context.recent)),
    part("Earlier flags about them", earlier),
    part("Reports", reports),
  );
}

/** What a moderator may decide of this flag: pairs of action and words, in order. A ban is for those of all rooms. */
export function choices(flag, mayBan) {
  if (flag.against) return [["approve", WORDS.queue.takenBack], ["dismiss", WORDS.queue.upheld]];
  const waits = flag.verdict === "held" || flag.verdict === "blocked";
  const isMessage = Boolean(flag.seq) || waits;
  const risk = isRiskOnly(flag);
  const list = [];
  if (waits) {
    list.push(["approve", "Let it into the room"]);
    list.push(["warn", "Let it in, with a content warning"]);
    list.push(["retract", "Keep it out of the room"]);
  } else {
    list.push(["approve", isMessage ? "Leave it as it is" : "Seen to"]);
    list.push(["dismiss", flag.kind === "report" ? "Leave it; the report was mistaken" : "Leave it; the signal was mistaken"]);
    if (isMessage) {
      list.push(["warn", "Put a content warning"]);
      list.push(["retract", "Take it down"]);
    }
  }
  const sanctions = [["mute", "Mute the person"], ["remove", "Take the person out of the room"]];
  if (mayBan) sanctions.push(["ban", "Ban the person everywhere"]);
  for (const [action, words] of sanctions) {
    list.push([action, words, risk, risk ? WORDS.queue.sanction : ""]);
  }
  list.push(["escalate", "Hand it on to a colleague; it stays open"]);
  return list;
}

function decision(flag, claim, act, mayBan) {
  const list = choices(flag, mayBan);
  const action = field({ name: "action", label: "Decide", kind: "radio", options: list, value: "" });
  const note = field({ name: "note", label: "Note", kind: "textarea", hint: WORDS.queue.noteHint, rows: 2, maxlength: 2000 });
  const words = field({ name: "text", label: "Words to the person", kind: "textarea", hint: WORDS.queue.textHint, rows: 2, maxlength: 2000 });
  const warning = field({ name: "warning", label: "Content warning", maxlength: 120 });
  const seconds = field({ name: "seconds", label: "For how long", kind: "select", options: DURATIONS, value: "3600" });
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = el("button", { type: "submit", class: "primary" }, "Decide");
  const fit = () => {
    warning.node.hidden = action.read() !== "warn";
    seconds.node.hidden = !SANCTIONS.has(action.read());
  };
  fit();
  const node = el(
    "form",
    { class: "form decision" },
    el("p", { class: "hint lease", role: "timer" }),
    action.node,
    warning.node,
    seconds.node,
    note.node,
    words.node,
    problem,
    el("div", { class: "actions" }, submit),
  );
  node.addEventListener("input", () => {
    claim.touched = true;
    fit();
  });
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = action.read();
    if (!chosen) {
      fill(problem, "Please choose one of these.");
      return;
    }
    const fields = { action: chosen, note: note.read() };
    if (words.read()) fields.text = words.read();
    if (chosen === "warn") fields.warning = warning.read();
    if (SANCTIONS.has(chosen)) fields.seconds = Number(seconds.read());
    submit.disabled = true;
    try {
      await act.decide(fields);
    } catch (trouble) {
      const by = trouble.reply?.by;
      const isOther = trouble.code === "conflict" && by;
      fill(problem, isOther ? WORDS.queue.conflict(by.name ?? by) : problemText(trouble));
    } finally {
      submit.disabled = false;
    }
  });
  return node;
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
