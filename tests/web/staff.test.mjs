// What staff are shown of each other and of what waits for two, decided without a page.

import assert from "node:assert/strict";
import { test } from "node:test";

const { mayAsk, mayConfirm, sorted } = await import(`${process.env.WEB}/pairs.js`);

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
