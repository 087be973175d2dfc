import assert from "node:assert/strict";
import { test } from "node:test";

import plugin from "./plugin.js";
import { call, fakeHost, run } from "./vendor/sdk/testing.js";

const order = (order_total, source_name, ...items) => ({
  order_total,
  source_name,
  order_items: items.map(([name, quantity]) => ({ name, quantity })),
});

const host = () =>
  fakeHost({
    peers: {
      orders_list: () => ({
        store: { store_id: "9", store_name: "Main" },
        total: 2,
        orders: [order(0.1, "Shopify", ["Cup", 2]), order("0.20", "Etsy", ["Cup", 1], ["Pot", 1])],
      }),
    },
  });

test("a day is summed up to the cent", () => {
  const digest = call(plugin, host(), "digest_daily", { date: "2026-03-01" });
  assert.equal(digest.revenue, "0.30");
  assert.deepEqual(digest.sources, { Shopify: 1, Etsy: 1 });
  assert.deepEqual(digest.best[0], { name: "Cup", quantity: 3 });
});

test("it can be read, too", () => {
  const { val } = run(plugin, host(), "digest_daily", { date: "2026-03-01" });
  assert.match(val.content[0].val, /^2026-03-01, Main: 2 orders, 0\.30\./);
});

test("what is no date is refused", () => {
  assert.throws(() => call(plugin, host(), "digest_daily", { date: "yesterday" }), { code: "not-a-date" });
});
