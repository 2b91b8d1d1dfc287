/**
 * Two exercises that need no network: five senses, and breathing to a slow pace.
 *
 * With reduced motion asked for, the breath is shown by words and a count alone.
 */

import { button, el, fill } from "./dom.js";
import { openDialog } from "./dialogs.js";

const SENSES = [
  [5, "things you can see", "Look around slowly. Anything counts: a shadow, a cup, a colour."],
  [4, "things you can feel", "The floor under your feet, the cloth on your arm, the air."],
  [3, "things you can hear", "Near or far. A hum, a voice, your own breath."],
  [2, "things you can smell", "Or two smells that you like to think of."],
  [1, "thing you can taste", "Or one sip of something, slowly."],
];

const BREATHS = [
  ["Breathe in", 4],
  ["Hold, gently", 2],
  ["Breathe out", 6],
];
const ROUNDS = 6;

/** Two buttons that open the exercises. */
export function groundingButtons() {
  return el(
    "div",
    { class: "row" },
    button("Five senses, 5-4-3-2-1", openSenses, { class: "small" }),
    button("Slow breathing", openBreathing, { class: "small" }),
  );
}

/** Step through the five senses at one's own pace. */
export function openSenses() {
  openDialog({
    title: "Five senses",
    tone: "care",
    build: (close) => {
      const place = el("div", { class: "ground", "aria-live": "polite" });
      const row = el("div", { class: "actions" });
      const step = (index) => {
        if (index === SENSES.length) {
          fill(place, el("p", { class: "lead" }, "That's it. You are here. Take your time before you go on."));
          fill(row, button("Close", close, { class: "primary" }), button("Once more", () => step(0), { class: "quiet" }));
        } else {
          const [count, what, hint] = SENSES[index];
          fill(place, el("p", { class: "ground-count" }, `${count}`), el("p", { class: "lead" }, what), el("p", { class: "hint" }, hint));
          fill(
            row,
            button("Next", () => step(index + 1), { class: "primary" }),
            index > 0 && button("Back", () => step(index - 1), { class: "quiet" }),
          );
        }
        row.querySelector("button").focus();
      };
      queueMicrotask(() => step(0));
      return [place, row];
    },
  });
}

/** Breathe along: in for four, hold for two, out for six. */
export function openBreathing() {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const ring = el("div", { class: `breath ${still ? "still" : ""}`, "aria-hidden": "true" }, el("span", {}));
  const word = el("p", { class: "lead breath-word", role: "status" }, "Whenever you're ready");
  const count = el("p", { class: "hint", "aria-hidden": "true" }, " ");
  let timer = null;
  const stop = () => clearTimeout(timer);
  const run = (round, phase, second) => {
    if (round === ROUNDS) {
      ring.dataset.phase = "";
      fill(word, "Well done. Let your breath find its own way again.");
      fill(count, " ");
      fill(start, "Once more");
      start.hidden = false;
      return;
    }
    const [text, seconds] = BREATHS[phase];
    if (second === 0) {
      fill(word, text);
      ring.dataset.phase = String(phase);
    }
    fill(count, String(seconds - second));
    timer = setTimeout(() => {
      if (second + 1 < seconds) run(round, phase, second + 1);
      else run(phase + 1 < BREATHS.length ? round : round + 1, (phase + 1) % BREATHS.length, 0);
    }, 1_000);
  };
  const begin = () => {
    stop();
    start.hidden = true;
    run(0, 0, 0);
  };
  const start = button("Begin", begin, { class: "primary", autofocus: true });
  openDialog({
    title: "Slow breathing",
    tone: "care",
    build: (close) => [
      el("p", { class: "hint" }, "In for four, hold for two, out for six. Stop whenever you like."),
      el("div", { class: "ground" }, ring, word, count),
      el("div", { class: "actions" }, start, button("Close", close, { class: "quiet" })),
    ],
  }).then(stop);
}
