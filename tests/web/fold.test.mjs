// The page's fold, held to the cases that the server's own is held to, and to what the page adds.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const { addPage, apply, emptyRoom, enter, find, isMuted, place } = await import(`${process.env.WEB}/state.js`);
const { timeline } = await import(`${process.env.WEB}/timeline.js`);

const ANA = { id: "u_a", name: "Ana", role: "participant" };
const said = (seq, text, more = {}) => ({ type: "message", room: "r", seq, at: seq * 1000, from: ANA, text, ...more });

/** Null in a case means: not there. */
function holds(actual, expected, where) {
  if (expected === null) assert.equal(actual ?? null, null, where);
  else if (Array.isArray(expected)) assert.deepEqual(actual, expected, where);
  else if (typeof expected === "object") {
    for (const [name, value] of Object.entries(expected)) holds(actual?.[name], value, `${where}.${name}`);
  } else assert.equal(actual, expected, where);
}

for (const file of readdirSync(process.env.CASES).filter((name) => name.endsWith(".json"))) {
  for (const { name, events, expect } of JSON.parse(readFileSync(`${process.env.CASES}/${file}`))) {
    test(`${file}: ${name}`, () => {
      const state = events.reduce((known, event) => (place(known, event) === "duplicate" ? known : apply(known, event)), emptyRoom("r"));
      const view = { ...state, state, entries: Object.fromEntries(state.log.map((entry) => [entry.seq, entry])) };
      view.members = Object.fromEntries(state.members.map((member) => [member.id, member]));
      if (Array.isArray(expect.members)) view.members = state.members;
      holds(view, expect, "view");
    });
  }
}

const joined = (fields) => ({
  type: "joined", room: "r", epoch: "e1", head: 0, recovered: false, events: [], private: { head: 0, events: [] },
  state: { pins: [], hands: [] }, members: [], count: 0, you: { role: "participant", muted_until: null }, ...fields,
});

test("coming back applies each missed event once", () => {
  let state = enter(emptyRoom("r"), joined({ head: 1, events: [said(1, "one")] }));
  state = apply(state, said(2, "two"));
  state = enter(state, joined({ head: 3, recovered: true, events: [said(2, "two"), said(3, "three")] }));
  assert.deepEqual(state.log.map((entry) => entry.text), ["one", "two", "three"]);
  assert.equal(state.head, 3);
});

test("another epoch begins anew and keeps nothing of the old log", () => {
  let state = enter(emptyRoom("r"), joined({ head: 1, events: [said(1, "old")] }));
  state = enter(state, joined({ epoch: "e2", head: 1, why: "epoch", events: [said(1, "new")] }));
  assert.deepEqual(state.log.map((entry) => entry.text), ["new"]);
});

test("an event is next, a duplicate or a gap; a flag's seq is no place in the log", () => {
  const state = enter(emptyRoom("r"), joined({ head: 4 }));
  assert.equal(place(state, { type: "message", seq: 5 }), "next");
  assert.equal(place(state, { type: "message", seq: 4 }), "duplicate");
  assert.equal(place(state, { type: "message", seq: 7 }), "gap");
  assert.equal(place(state, { type: "flag", seq: 2 }), "next");
  assert.equal(place(state, { type: "held", useq: 1 }), "next");
  assert.equal(place(state, { type: "held", useq: 2 }), "gap");
});

test("one support card a key, and the later one stands", () => {
  const card = { type: "support", useq: 1, key: "k", severity: "high", seen: false, text: "a", helplines: [], resources: [] };
  let state = apply(emptyRoom("r"), card);
  state = apply(state, { ...card, useq: 2, seen: true, text: "b" });
  assert.deepEqual(state.own.support.map((one) => [one.key, one.seen, one.text]), [["k", true, "b"]]);
});

test("a held text stands until it is decided", () => {
  let state = apply(emptyRoom("r"), { type: "held", useq: 1, at: 1, key: "k", text: "mine", reasons: [], flag: "f" });
  assert.equal(state.own.held.length, 1);
  state = apply(state, { type: "held_decided", useq: 2, at: 2, key: "k", flag: "f", action: "retract", text: "kept" });
  assert.equal(state.own.held.length, 0);
  assert.equal(state.own.notes[0].was, "mine");
});

test("a mute ends by time, by word, or only by word", () => {
  const muted = (until) => apply(emptyRoom("r"), { type: "muted", useq: 1, at: 1, until });
  assert.equal(isMuted(muted(500), 400), true);
  assert.equal(isMuted(muted(500), 600), false);
  assert.equal(isMuted(muted(0), 10 ** 15), true);
  assert.equal(isMuted(apply(muted(0), { type: "unmuted", useq: 2, at: 2 }), 1), false);
  assert.equal(isMuted(emptyRoom("r"), 1), false);
});

test("a page of history goes before what is known, and a state is never changed", () => {
  const before = Object.freeze(enter(emptyRoom("r"), joined({ head: 4, events: [said(3, "three"), said(4, "four")] })));
  const after = addPage(before, [said(1, "one"), said(2, "two"), said(3, "three")]);
  assert.deepEqual(after.log.map((entry) => entry.seq), [1, 2, 3, 4]);
  assert.equal(before.log.length, 2);
  assert.equal(after.whole, true);
  assert.equal(find(after, 2).text, "two");
});

test("the timeline puts private notes by their time and what is unsent last", () => {
  let state = enter(emptyRoom("r"), joined({ head: 2, events: [said(1, "one"), said(2, "two", { at: 9000 })] }));
  state = apply(state, { type: "held", useq: 1, at: 5000, key: "k", text: "held", reasons: [], flag: "f" });
  const items = timeline({ state, local: [], unsent: [{ key: "x", at: 1, text: "later", state: "sending" }] });
  assert.deepEqual(items.filter((item) => item.kind !== "day").map((item) => item.kind), ["message", "held", "message", "unsent"]);
});

test("messages of one person close together share a head; a held one between parts them", () => {
  const state = enter(emptyRoom("r"), joined({ head: 2, events: [said(1, "one"), said(2, "two")] }));
  const items = timeline({ state, local: [], unsent: [] }).filter((item) => item.kind === "message");
  assert.deepEqual(items.map((item) => item.together), [false, true]);
});

test("an item that came back through the room before its answer is not shown twice", () => {
  const state = enter(emptyRoom("r"), joined({ head: 1, events: [said(1, "one")] }));
  const unsent = [{ key: "x", at: 1, text: "one", state: "sending", seq: 1 }];
  assert.equal(timeline({ state, local: [], unsent }).filter((item) => item.kind === "unsent").length, 0);
});
