/**
 * Questions put to the person: native dialogs, and forms made of labelled fields.
 */

import { button, el, fill, freshId, icon } from "./dom.js";
import { problemText, WORDS } from "./words.js";

/**
 * Open a modal dialog with a heading and `body` (elements). Resolves when it closes. Escape and the close button
 * close it; focus goes back to where it was by the browser's own rules. `build(close)` may give the body.
 */
export function openDialog({ title, body, build, wide = false, tone = "" }) {
  const titleId = freshId("dialog");
  const close = () => dialog.close();
  const dialog = el(
    "dialog",
    { class: `dialog ${wide ? "wide" : ""} ${tone}`, "aria-labelledby": titleId },
    el(
      "header",
      { class: "dialog-head" },
      el("h2", { id: titleId, tabindex: -1 }, title),
      // A dialog covers the header: whoever has to leave while reading about themselves finds the way here too.
      tone === "care" && el(
        "button",
        { type: "button", class: "quiet round", "aria-label": "Leave", title: WORDS.leave, on: { click: () => document.dispatchEvent(new Event("leave-now")) } },
        icon("exit"),
      ),
      el("button", { type: "button", class: "quiet round", "aria-label": "Close", on: { click: close } }, icon("close")),
    ),
  );
  dialog.append(el("div", { class: "dialog-body" }, body ?? build(close)));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  document.body.append(dialog);
  const back = document.activeElement;
  dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("h2")).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (back?.isConnected) back.focus();
      resolve();
    });
  });
}

/**
 * A labelled field. `kind`: `text`, `textarea`, `select`, `radio`, `check`, `number`. Gives `{node, read}`; `read()`
 * is the value, trimmed where it is text.
 */
export function field({ name, label, kind = "text", value = "", hint, options = [], required = false, ...rest }) {
  const id = freshId(name);
  const hintId = hint ? freshId("hint") : null;
  const note = hint ? el("p", { class: "hint", id: hintId }, hint) : null;
  if (kind === "radio") return radios({ name: freshId(name), label, value, options, note });
  if (kind === "check") {
    const box = el("input", { type: "checkbox", id, "aria-describedby": hintId });
    box.checked = Boolean(value);
    const node = el("div", { class: "field check" }, box, el("div", {}, el("label", { for: id }, label), note));
    return { node, input: box, read: () => box.checked };
  }
  const common = { id, name, "aria-describedby": hintId, required, ...rest };
  let input;
  if (kind === "textarea") input = el("textarea", { rows: 3, ...common });
  else if (kind === "select") {
    input = el("select", common, options.map(([key, text]) => el("option", { value: key }, text)));
  } else input = el("input", { type: kind, autocomplete: "off", ...common });
  input.value = value;
  const node = el("div", { class: "field" }, el("label", { for: id }, label), note, input);
  return { node, input, read: () => (kind === "select" ? input.value : input.value.trim()) };
}

function radios({ name, label, value, options, note }) {
  const choices = options.map(([key, text, disabled, why]) => {
    const id = freshId("choice");
    const input = el("input", { type: "radio", id, name, value: key, disabled });
    input.checked = key === value;
    const words = el("label", { for: id }, text, why && el("span", { class: "hint" }, why));
    return el("div", { class: "choice" }, input, words);
  });
  const node = el("fieldset", { class: "field" }, el("legend", {}, label), note, choices);
  const chosen = () => node.querySelector("input:checked");
  return { node, input: node.querySelector("input"), read: () => chosen()?.value ?? "" };
}

/**
 * A form of `fields` with one button that does and one that does not. `act(values)` may take its time; when it fails,
 * the form stays with what was typed and says so kindly.
 */
export function form({ fields, confirm, cancel, act, danger = false }) {
  const made = Object.fromEntries(fields.map((one) => [one.name, field(one)]));
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = el("button", { type: "submit", class: danger ? "danger" : "primary" }, confirm);
  const node = el(
    "form",
    { class: "form" },
    Object.values(made).map((one) => one.node),
    problem,
    el("div", { class: "actions" }, submit, cancel && button(cancel.label, cancel.act, { class: "quiet" })),
  );
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    fill(problem);
    submit.disabled = true;
    try {
      await act(Object.fromEntries(Object.entries(made).map(([name, one]) => [name, one.read()])));
    } catch (trouble) {
      fill(problem, problemText(trouble));
    } finally {
      submit.disabled = false;
    }
  });
  return { node, fields: made };
}

/** A dialog that holds one form and closes once `act` has succeeded. */
export function ask({ title, lead, fields = [], confirm, act, danger = false }) {
  return openDialog({
    title,
    build: (close) => [
      lead && el("p", { class: "lead" }, lead),
      form({
        fields: fields.map((one, index) => (index === 0 ? { ...one, autofocus: true } : one)),
        confirm,
        danger,
        cancel: { label: "Cancel", act: close },
        act: async (values) => {
          await act(values);
          close();
        },
      }).node,
    ],
  });
}
