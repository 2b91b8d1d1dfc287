// What decides without a socket or a page: coming back, links, the order of the queue, marked spans.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const { backoff, mayReturn, socketUrl } = await import(`${process.env.WEB}/connection.js`);
const { readPasted, takeLink } = await import(`${process.env.WEB}/identity.js`);
const { inOrder } = await import(`${process.env.WEB}/queue.js`);
const { choices, isRiskOnly } = await import(`${process.env.WEB}/decision.js`);
const { isSafeLink, stamp } = await import(`${process.env.WEB}/care.js`);

test("the close code says whether to come back", () => {
  for (const code of [1001, 1006, 1011, 1012, 1013, 4000, 4001, 4002, 4499]) assert.equal(mayReturn(code), true, code);
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4500, 4501, 4503, 4508, 4999]) assert.equal(mayReturn(code), false, code);
});

test("waits are spread over the server's range and grow with each failure, up to a limit", () => {
  assert.equal(backoff(0, [1, 5], () => 0), 1);
  assert.equal(backoff(0, [1, 5], () => 1), 5);
  assert.equal(backoff(2, [1, 5], () => 0.5), 12);
  assert.equal(backoff(9, [1, 5], () => 1), 30);
  assert.equal(backoff(0, [10, 60], () => 1), 60);
});

test("the socket is at the page's own host, over TLS where the page is", () => {
  assert.equal(socketUrl({ protocol: "https:", host: "x.org" }), "wss://x.org/ws");
  assert.equal(socketUrl({ protocol: "http:", host: "localhost:8765" }), "ws://localhost:8765/ws");
});

test("a link's fragment is taken out of the address at once", () => {
  const replaced = [];
  const past = { replaceState: (...given) => replaced.push(given[2]) };
  assert.deepEqual(takeLink({ hash: "#invite=abc", pathname: "/", search: "" }, past), { invite: "abc" });
  assert.deepEqual(takeLink({ hash: "#token=a.b.c", pathname: "/", search: "" }, past), { token: "a.b.c" });
  assert.deepEqual(takeLink({ hash: "", pathname: "/", search: "" }, past), {});
  assert.deepEqual(replaced, ["/", "/"]);
});

test("what somebody pastes may be a link, a fragment or a bare code", () => {
  assert.deepEqual(readPasted(" http://h/#invite=abc "), { invite: "abc" });
  assert.deepEqual(readPasted("#token=a.b.c"), { token: "a.b.c" });
  assert.deepEqual(readPasted("abcDEF-1"), { invite: "abcDEF-1" });
  assert.deepEqual(readPasted("hello there"), {});
  assert.deepEqual(readPasted(""), {});
});

test("the queue is in the server's order", () => {
  for (const { name, now, flags, order } of JSON.parse(readFileSync(`${process.env.CASES}/../queue.json`))) {
    const whole = flags.map((one) => ({ kind: "message", attended_by: [], reports: [], opened_at: 0, ...one }));
    assert.deepEqual(inOrder(whole.reverse(), now).map((one) => one.flag), order, name);
  }
});

test("a sanction is no choice where only the person's own risk is the reason", () => {
  const risk = { verdict: "delivered", seq: 1, reasons: [{ rule: "x", risk: true }] };
  assert.equal(isRiskOnly(risk), true);
  assert.equal(choices(risk).find(([action]) => action === "mute")[2], true);
  const mixed = { ...risk, reasons: [...risk.reasons, { rule: "y", risk: false }] };
  assert.equal(choices(mixed).find(([action]) => action === "mute")[2], false);
});

test("nor where they asked for help, but where somebody reported it", () => {
  assert.equal(isRiskOnly({ kind: "help", severity: "moderate", reasons: [], reports: [] }), true);
  assert.equal(isRiskOnly({ kind: "message", severity: "none", reasons: [], reports: [] }), false);
  assert.equal(isRiskOnly({ kind: "message", severity: "high", reasons: [{ risk: true }], reports: [{ reason: "" }] }), false);
});

test("a ban is offered only to those who may ban, and handing on to everybody", () => {
  const actions = (mayBan) => choices({ verdict: "delivered", seq: 1, reasons: [] }, mayBan).map(([action]) => action);
  assert.equal(actions(false).includes("ban"), false);
  assert.equal(actions(true).includes("ban"), true);
  assert.equal(actions(false).includes("escalate"), true);
});

test("a text that waits can't be dismissed, only released or kept", () => {
  const actions = choices({ verdict: "held", reasons: [] }).map(([action]) => action);
  assert.equal(actions.includes("dismiss"), false);
  assert.equal(actions.includes("approve"), true);
});

test("a card's link leads to the secure web or nowhere", () => {
  assert.equal(isSafeLink("https://findahelpline.com/"), true);
  for (const url of ["javascript:alert(1)", "http://x.org", "data:text/html,x", "", null, undefined]) {
    assert.equal(isSafeLink(url), false);
  }
});

test("a card comes again only when it says something new, and its mark holds none of its words", () => {
  const card = { key: "k", seen: false, text: "You are not alone" };
  assert.equal(stamp(card), stamp({ ...card, at: 9 }));
  assert.notEqual(stamp(card), stamp({ ...card, seen: true }));
  assert.notEqual(stamp(card), stamp({ ...card, text: "Nobody has come yet" }));
  assert.notEqual(stamp(card), stamp({ ...card, key: "other" }));
  assert.doesNotMatch(stamp(card), /alone/);
});
