/** What staff do among themselves about a flag: words to each other, handing over, opening evidence; and what spares them. */

import { ask, openDialog } from "./dialogs.js";
import { button, clock, el, say } from "./dom.js";
import { RANK, SEVERITIES, TOPICS, WORDS } from "./words.js";

/** Notes that colleagues left with a flag, and whether somebody waits for an opinion. */
export function notesOf(flag) {
  const notes = flag.notes ?? [];
  const waits = flag.opinion && !flag.opinion.answered_by;
  if (!notes.length && !flag.route && !waits) return null;
  return el(
    "div",
    { class: "notes" },
    flag.route === "safeguarding" && el("p", { class: "tag" }, WORDS.queue.safeguarding),
    waits && el("p", { class: "hint" }, WORDS.queue.opinion(flag.opinion.by.name)),
    notes.length > 0 && el(
      "ul",
      { "aria-label": "Words of colleagues" },
      notes.map((note) => el("li", {}, el("span", { class: "name" }, note.by.name), ` ${clock(note.at)}: `, note.text)),
    ),
  );
}

/** Ask for a word to colleagues, and what goes with it. `isMine`: the claim can be handed over. */
export async function writeNote(flag, app, isMine) {
  const to = isMine ? await colleagues(flag, app) : [];
  await ask({
    title: "A word to colleagues",
    lead: WORDS.queue.noteHint,
    fields: [
      { name: "text", label: "Your note", kind: "textarea", maxlength: 500, required: true },
      {
        name: "what",
        label: "And",
        kind: "select",
        value: "",
        options: [
          ["", "Just the note"],
          ["opinion", "Ask for a second opinion"],
          ["safeguarding", "A child may be at risk: send it on at once"],
          ...to.map((one) => [`to ${one.id}`, `Hand it over to ${one.name || "a colleague"}`]),
        ],
      },
    ],
    confirm: "Send",
    act: async ({ text, what }) => {
      const more = what.startsWith("to ") ? { to: what.slice(3) } : what ? { ask: what } : {};
      await app.connection.send("note", { flag: flag.flag, text, ...more });
      say(WORDS.queue.noted);
    },
  });
}

async function colleagues(flag, app) {
  const { staff } = await app.connection.send("duty", { room: flag.room });
  return staff.filter((one) => one.is_here && one.id !== app.me.id && RANK[one.role] >= RANK.moderator);
}

/** Open a decided flag's text: asks why first, and shows it in a dialog that closes with it. */
export function openEvidence(flag, app) {
  return ask({
    title: "Open the text",
    lead: WORDS.queue.evidence,
    fields: [{ name: "purpose", label: "Why do you open it?", maxlength: 500, required: true }],
    confirm: "Open it",
    act: async ({ purpose }) => {
      const opened = await app.connection.send("evidence", { flag, purpose });
      openDialog({
        title: `What ${opened.author.name} wrote`,
        body: [
          [opened.text, ...(opened.also ?? []).map((more) => more.text)].map((words) => el("blockquote", { dir: "auto" }, words)),
          el("p", { class: "hint" }, WORDS.queue.evidenceHint),
        ],
      });
    },
  });
}

/** A flag that can be opened still: its button, else nothing. */
export function evidenceButton(flag, app, label = "Open the text") {
  const now = Date.now() + (app.skew ?? 0);
  if (!flag || (flag.evidence_until ?? 0) < now) return null;
  return button(label, () => openEvidence(flag.flag, app), { class: "small quiet" });
}

/** What the author's texts showed over time, by word: the newest last. */
export function lineOf(line = []) {
  if (!line.length) return null;
  const list = el(
    "ol",
    { class: "course", "aria-label": WORDS.queue.course },
    line.map((point) => {
      const severity = SEVERITIES[point.severity] ?? SEVERITIES.none;
      const word = point.severity === "none" ? "Quiet" : severity.word;
      return el("li", { class: point.severity, title: new Date(point.at).toLocaleString() }, word);
    }),
  );
  return el("div", {}, el("p", { class: "hint", "aria-hidden": "true" }, WORDS.queue.course), list);
}

/** Take a flag although a colleague who is free had better: only after saying so. */
export function takeAnyway(text, take) {
  return ask({ title: "Somebody else could take this", lead: text, confirm: "Take it all the same", act: take });
}

/** Choose topics that one would rather not take. */
export function chooseTopics(app) {
  return ask({
    title: "Topics you'd rather not take",
    lead: WORDS.queue.topics,
    fields: Object.entries(TOPICS).map(([name, label]) => ({ name, label, kind: "check", value: app.avoids?.includes(name) })),
    confirm: "Keep this",
    act: async (chosen) => {
      const avoids = Object.keys(TOPICS).filter((name) => chosen[name]);
      await app.connection.send("profile", { avoids });
      app.avoids = avoids;
      say(WORDS.queue.topicsKept);
    },
  });
}
