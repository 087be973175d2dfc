import assert from "node:assert/strict";
import { test } from "node:test";

import plugin from "./plugin.js";
import { call, fakeHost } from "./vendor/sdk/testing.js";

test("somebody is greeted", () => {
  const answer = call(plugin, fakeHost(), "{{word}}_hello", { person: "Ada" });
  assert.deepEqual(answer, { greeting: "Hello, Ada!" });
});

test("nobody is an error that says what to do", () => {
  assert.throws(() => call(plugin, fakeHost(), "{{word}}_hello", { person: " " }), { code: "nobody" });
});
