import { plugin } from "./vendor/sdk/index.js";

const message = { message: { type: "string" } };

export default plugin({
  name: "bench-js",
  version: "0.1.0",
  description: "What is measured.",
  wishes: [{ grant: 'http = [{ endpoint = "slow", allow = ["GET /wait"] }]', reason: "to wait" }],
  tools: {
    bench_js_say: {
      title: "Say",
      description: "Says it back.",
      readOnly: true,
      input: message,
      output: message,
      run: ({ message }) => ({ message }),
    },
    bench_js_wait: {
      title: "Wait",
      description: "Waits.",
      readOnly: true,
      run: (_, context) => {
        context.http.send({ endpoint: "slow", path: ["wait"] });
        return { message: "waited" };
      },
    },
  },
});
