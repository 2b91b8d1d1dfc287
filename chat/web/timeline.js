/**
 * The order in which a room's messages and a person's private notes stand on the page: pure.
 *
 * An item: `{id, kind, source, ...}`. `source` is the very object it is drawn from, so that a view redraws what has
 * changed and leaves the rest alone.
 */

import { find } from "./state.js";

const TOGETHER = 5 * 60_000;
const OWN_DOING = new Set(["replaced", "withdrawn"]);
const SHOWN = new Set(["message", "card", "room_changed"]);

/**
 * Items in order: the log's by `seq`; private ones where their time puts them; what is not yet acknowledged last.
 * `away`: the `seq` after which one was away; `hidden`: ids of people whose messages this person does not want to see.
 */
export function timeline({ state, local, unsent, away = null, hidden = new Set() }) {
  const entries = state.log.filter((entry) => SHOWN.has(entry.type));
  const told = [
    ...state.own.notes.filter((note) => !OWN_DOING.has(note.action)),
    ...state.own.held,
    ...local,
  ].sort((one, other) => one.at - other.at);
  const items = [];
  let day = "";
  let last = null;
  const put = (item) => {
    const date = new Date(item.source.at).toDateString();
    if (date !== day) {
      items.push({ id: `day ${date}`, kind: "day", source: date, at: item.source.at });
      day = date;
    }
    items.push(item);
  };
  const notesUntil = (at) => {
    while (told.length && told[0].at < at) {
      const note = told.shift();
      put({ id: `note ${note.useq ?? ""} ${note.at} ${note.key ?? ""}`, kind: note.type, source: note });
      last = null;
    }
  };
  for (const entry of entries) {
    notesUntil(entry.at);
    if (away !== null && entry.seq > away) {
      if (items.length) items.push({ id: "away", kind: "away", source: away });
      away = null;
      last = null;
    }
    const together = entry.type === "message" && last?.type === "message" && last.from?.id === entry.from?.id
      && entry.at - last.at < TOGETHER && !entry.reply_to && new Date(entry.at).toDateString() === day;
    put({
      id: `seq ${entry.seq}`,
      kind: entry.type,
      source: entry,
      together,
      quoted: entry.reply_to ? find(state, entry.reply_to) : undefined,
      pinned: state.pins.includes(entry.seq),
      hidden: hidden.has(entry.from?.id),
    });
    last = entry;
  }
  notesUntil(Infinity);
  for (const item of unsent) {
    if (!item.seq || !find(state, item.seq)) put({ id: `key ${item.key}`, kind: "unsent", source: item });
  }
  return items;
}

/** Whether two items would be drawn alike. */
export function isSame(one, other) {
  return one.source === other.source && one.together === other.together && one.quoted === other.quoted
    && one.pinned === other.pinned && one.hidden === other.hidden;
}
