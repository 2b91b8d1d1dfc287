/** How the room runs, for those who run it; and what a person may choose about themselves. */

import { countryOptions } from "./countries.js";
import { ask, field, openDialog } from "./dialogs.js";
import { button, el, say } from "./dom.js";
import { forgetAll, isRemembered, keepToken, keptToken } from "./identity.js";
import { HOLDS, PHASES } from "./words.js";

const PACES = [
  [0, "Off"],
  [5, "One message every 5 seconds"],
  [10, "Every 10 seconds"],
  [30, "Every 30 seconds"],
  [60, "Every minute"],
  [300, "Every 5 minutes"],
];

/** Topic, pace, pause, turns and what waits for staff; only what was changed is sent. */
export function openControls(session) {
  const { state } = session;
  const paces = PACES.some(([seconds]) => seconds === state.slow_mode)
    ? PACES
    : [...PACES, [state.slow_mode, `Every ${state.slow_mode} seconds`]];
  const fields = [
    { name: "topic", label: "Topic", value: state.topic, maxlength: 200 },
    { name: "slow_mode", label: "Slow mode", kind: "select", options: paces, value: String(state.slow_mode) },
    { name: "hold", label: "New messages", kind: "select", options: Object.entries(HOLDS), value: state.hold },
    { name: "turns", label: "Speak in turns", kind: "check", value: state.turns, hint: "People raise a hand and write when it is their turn." },
    { name: "locked", label: "Pause the conversation", kind: "check", value: state.locked, hint: "Only our team can write until it goes on. Help still reaches us." },
  ];
  if (state.phase) {
    fields.splice(1, 0, { name: "phase", label: "Where we are", kind: "select", options: Object.entries(PHASES), value: state.phase });
  }
  ask({
    title: "Room",
    lead: "Everyone sees what changes, and nobody sees who changed it.",
    fields,
    confirm: "Save",
    act: async (values) => {
      const wanted = { ...values, slow_mode: Number(values.slow_mode) };
      const changed = Object.entries(wanted).filter(([name, value]) => value !== state[name]);
      if (changed.length) await session.send("set_room", Object.fromEntries(changed));
    },
  });
}

/** Name, country, whether this device remembers, and signing out. `app` has `me`, `connection` and `signOut`. */
export function openSettings(app) {
  const remember = field({
    name: "remember",
    label: "Remember me on this device",
    kind: "check",
    hint: "Leave this off on a device that others use.",
    value: isRemembered(),
  });
  remember.input.addEventListener("change", () => {
    const token = keptToken();
    if (token) keepToken(token, remember.read());
    say(remember.read() ? "This device remembers you now." : "This device forgets you when you close the tab.");
  });
  openDialog({
    title: "You",
    build: (close) => [
      el("p", { class: "lead" }, `The group knows you as ${app.me.name}.`),
      remember.node,
      el(
        "div",
        { class: "actions column" },
        button("Choose another name", () => rename(app)),
        button("Choose your country", () => chooseCountry(app)),
        button("Sign out of this device", () => {
          close();
          forgetAll();
          app.signOut();
        }, { class: "quiet" }),
      ),
      el("p", { class: "hint" }, "To leave at once and clear this page, use Leave at the top, or press Shift three times."),
    ],
  });
}

function rename(app) {
  ask({
    title: "Choose another name",
    lead: "Any name that isn't your own.",
    fields: [{ name: "name", label: "Name", value: app.me.name, maxlength: 60, required: true }],
    confirm: "Save",
    act: async ({ name }) => {
      await app.connection.send("profile", { name });
      app.me.name = name;
      say("Others see your new name from your next visit to the room on.");
    },
  });
}

function chooseCountry(app) {
  ask({
    title: "Your country",
    lead: "We only use it to show you support lines that work where you are. The group never sees it.",
    fields: [{ name: "country", label: "Country", kind: "select", options: countryOptions() }],
    confirm: "Save",
    act: async ({ country }) => {
      await app.connection.send("profile", { country });
      say("Saved. Support lines follow it from now on.");
    },
  });
}
