// A day's orders in a few lines: how many, from where, for how much, and what sold best.

import { Output, plugin, ToolError } from "./vendor/sdk/index.js";

const cents = (amount) => Math.round(Number(amount) * 100);
const money = (amount) => (amount / 100).toFixed(2);

function daily({ date = new Date().toISOString().slice(0, 10), store_identifier }, context) {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) {
    throw new ToolError("invalid-input", "not-a-date", "`date` is no day such as 2026-03-01.");
  }
  const search = { search_start_date: `${date} 00:00:00`, search_end_date: `${date} 23:59:59`, limit: 500 };
  if (store_identifier !== undefined) search.store_identifier = store_identifier;
  const fields = ["order_total", "source_name", "order_items.name", "order_items.quantity"];
  const { orders, store, total } = context.peers.call("orders_list", { ...search, fields });

  const sources = {};
  const sold = {};
  let revenue = 0;
  for (const order of orders) {
    revenue += cents(order.order_total);
    sources[order.source_name] = (sources[order.source_name] ?? 0) + 1;
    for (const { name, quantity } of order.order_items ?? []) sold[name] = (sold[name] ?? 0) + Number(quantity);
  }
  const best = Object.entries(sold).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([name, quantity]) => ({ name, quantity }));
  const digest = { date, store, orders: total ?? orders.length, counted: orders.length, revenue: money(revenue), sources, best };
  const lines = [`${date}, ${store.store_name}: ${digest.orders} orders, ${digest.revenue}.`];
  for (const { name, quantity } of best) lines.push(`${quantity} × ${name}`);
  return new Output(digest, { content: [lines.join("\n")] });
}

export default plugin({
  name: "digest",
  version: "0.1.0",
  description: "Sums up a day's orders.",
  wishes: [{ grant: 'tools = ["orders_list"]', reason: "to read the day's orders" }],
  tools: {
    digest_daily: {
      title: "A day's orders",
      description: 'Sums up the orders of a day (UTC): the newest 500 at most. Example: {"date": "2026-03-01"}.',
      readOnly: true,
      input: {
        date: { type: "string", description: "The day; default today.", optional: true },
        store_identifier: { type: ["string", "integer"], description: "The store's id or name; default the active one.", optional: true },
      },
      output: {
        date: { type: "string" }, store: { type: "object" }, orders: { type: "integer" }, counted: { type: "integer" },
        revenue: { type: "string" }, sources: { type: "object" }, best: { type: "array" },
      },
      run: daily,
    },
  },
});
