// What staff are shown of each other and of what waits for two, decided without a page.

import assert from "node:assert/strict";
import { test } from "node:test";

const { mayAsk, mayConfirm, sorted } = await import(`${process.env.WEB}/pairs.js`);
const { dutyOf, reached } = await import(`${process.env.WEB}/team.js`);
const { callText, WORDS } = await import(`${process.env.WEB}/words.js`);

test("who may ask for what takes two, and who may be the second", () => {
  assert.deepEqual(["admin", "moderator", "facilitator", undefined].map(mayAsk), [true, false, false, false]);
  assert.deepEqual(["admin", "moderator", "facilitator", undefined].map(mayConfirm), [true, true, false, false]);
});

test("a request waits for others, stays in sight of whoever asked, and ends with its hour", () => {
  const by = (id) => ({ id });
  const requests = [
    { request: "theirs", by: by("u_ada"), until: 20 },
    { request: "mine", by: by("u_me"), until: 20 },
    { request: "confirmed", by: by("u_me"), with: by("u_mo"), until: 20 },
    { request: "taken", by: by("u_ada"), with: by("u_mo"), until: 20 },
    { request: "over", by: by("u_ada"), until: 10 },
  ];
  const { waiting, mine } = sorted(requests, "u_me", 10);
  assert.deepEqual(waiting.map((one) => one.request), ["theirs"]);
  assert.deepEqual(mine.map((one) => one.request), ["mine", "confirmed"]);
});

test("a colleague counts once in however many rooms, and not while away, absent or oneself", () => {
  const staff = [
    { id: "u_me", is_here: true },
    { id: "u_ada", room: "a", is_here: true, duty: "on_duty" },
    { id: "u_ada", room: "b", is_here: true },
    { id: "u_mo", is_here: true, duty: "break" },
    { id: "u_fay", is_here: false, duty: "on_call" },
  ];
  assert.equal(reached(staff, "u_me"), 1);
  assert.equal(dutyOf(staff, "u_me"), "on_duty");
  assert.equal(dutyOf(staff, "u_mo"), "break");
});

test("a word to staff names whom the queue names, and is the server's own where it does not", () => {
  const notice = { code: "call", text: "Somebody in Blue may need a person now." };
  assert.equal(callText(notice, undefined, "Blue"), notice.text);
  assert.match(callText(notice, "Ana", "Blue"), /^Ana in Blue may need a person now\./);
  assert.equal(callText({ code: "cover", text: "as it is" }, "Ana", "Blue"), "as it is");
  for (const say of Object.values(WORDS.calls)) assert.match(say("Ana", "Blue"), /Ana.*Blue|Blue.*Ana/);
});
