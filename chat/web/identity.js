/**
 * Who this device is: the link it was opened with, and the token it keeps.
 *
 * A token stays for as long as the tab is open, and longer only if the person asked for that.
 */

const TOKEN = "hearth.token";
const DRAFTS = "hearth.drafts.";
const AWAY = "hearth.away.";
const MOST = 100;

/**
 * What the address carried: `{invite}`, `{token}` or `{}`. The fragment leaves the address bar at once, so that it
 * is in no history, no bookmark and no screenshot.
 */
export function takeLink(place = location, past = history) {
  const fragment = new URLSearchParams(place.hash.replace(/^#/, ""));
  if (place.hash) past.replaceState(null, "", place.pathname + place.search);
  const invite = fragment.get("invite");
  const token = fragment.get("token");
  if (token) return { token };
  if (invite) return { invite };
  return {};
}

/** What somebody pasted: a whole link, its fragment, or a bare invite code. */
export function readPasted(text) {
  const trimmed = text.trim();
  const mark = trimmed.indexOf("#");
  const fragment = new URLSearchParams(mark < 0 ? trimmed : trimmed.slice(mark + 1));
  if (fragment.get("token")) return { token: fragment.get("token") };
  if (fragment.get("invite")) return { invite: fragment.get("invite") };
  return trimmed && !/\s/.test(trimmed) ? { invite: trimmed } : {};
}

/** The token that is kept, or null. */
export function keptToken() {
  return sessionStorage.getItem(TOKEN) ?? localStorage.getItem(TOKEN);
}

/** Whether the token outlasts the tab. */
export function isRemembered() {
  return localStorage.getItem(TOKEN) !== null;
}

/** Keep a token for this tab, and on the device only if `remember`. */
export function keepToken(token, remember) {
  sessionStorage.setItem(TOKEN, token);
  if (remember) localStorage.setItem(TOKEN, token);
  else localStorage.removeItem(TOKEN);
}

/** Leave nothing of this person on the device. */
export function forgetAll() {
  sessionStorage.clear();
  localStorage.removeItem(TOKEN);
}

/** The cards of a room that were put away, for as long as the tab. */
export function keptAway(room) {
  return new Set(read(AWAY + room) ?? []);
}

/** Keep which cards of a room were put away. */
export function keepAway(room, away) {
  sessionStorage.setItem(AWAY + room, JSON.stringify([...away].slice(-MOST)));
}

/** What was being written in a room: `{text, warning, reply_to, replaces, unsent}`, kept for as long as the tab. */
export function keptDraft(room) {
  return read(DRAFTS + room) ?? {};
}

function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

/** Keep what is being written in a room. */
export function keepDraft(room, draft) {
  sessionStorage.setItem(DRAFTS + room, JSON.stringify(draft));
}
