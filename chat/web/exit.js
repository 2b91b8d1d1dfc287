/**
 * Quick exit: gone at once, nothing left on the screen or the device, and Back does not lead here again.
 *
 * The button is always in sight; three presses of Shift alone do the same.
 */

import { forgetAll } from "./identity.js";

const NEUTRAL = "https://www.wikipedia.org/";
const PRESSES = 3;
const WITHIN = 3_000;

let presses = [];

/** Leave now. `stop` ends the connection, so that the server sees the person go. */
export function leave(stop) {
  forgetAll();
  document.title = "New tab";
  document.documentElement.replaceChildren();
  stop?.();
  location.replace(NEUTRAL);
}

/** Let three presses of Shift, with no other key between, leave. */
export function listenForShift(act) {
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Shift") return;
    const now = Date.now();
    presses = [...presses.filter((at) => now - at < WITHIN), now];
    if (presses.length >= PRESSES) act();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Shift") presses = [];
  });
  document.addEventListener("pointerdown", () => {
    presses = [];
  });
}
