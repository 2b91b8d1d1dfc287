/** What a moderator may decide of a flag, and the form in which they do. */

import { field } from "./dialogs.js";
import { el, fill } from "./dom.js";
import { DURATIONS, problemText, WORDS } from "./words.js";

const SANCTIONS = new Set(["mute", "remove", "ban"]);

/** Whether a flag is about the author's own risk alone, so that no sanction may go with it. */
export function isRiskOnly(flag) {
  const { reasons = [], reports = [], kind, severity = "none" } = flag;
  const says = reasons.length > 0 || kind === "help" || severity !== "none";
  const all = [...reasons, ...(flag.also ?? []).flatMap((more) => more.reasons ?? [])];
  return says && reports.length === 0 && all.every((reason) => reason.risk);
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

/** The form. `claim.touched` is set while somebody fills it, so that their time with the flag is renewed. */
export function decisionForm(flag, claim, act, mayBan) {
  const list = choices(flag, mayBan);
  const open = list.filter(([, , isShut]) => !isShut);
  const why = list.find(([, , isShut]) => isShut)?.[3];
  const action = field({ name: "action", label: "Decide", kind: "radio", options: open, value: "" });
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
    why && el("p", { class: "hint" }, why),
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
