// A plugin for orderdesk-mcp: replace the greeting by what your shop needs.

import { plugin, ToolError } from "./vendor/sdk/index.js";

function hello({ person }, context) {
  if (!person.trim()) {
    // The model reads this: what is wrong, with what, what to do next.
    throw new ToolError("invalid-input", "nobody", "`person` is blank. Say whom to greet.");
  }
  context.log.info("greeting somebody");
  return { greeting: `Hello, ${person.trim()}!` };
}

export default plugin({
  name: "{{name}}",
  version: "0.1.0",
  description: "Greets people.",
  tools: {
    {{word}}_hello: {
      title: "Greet somebody",
      description: 'Greets a person by name. Example: {"person": "Ada"}.',
      readOnly: true,
      idempotent: true,
      input: { person: { type: "string", description: "Whom to greet." } },
      output: { greeting: { type: "string", description: "What to say." } },
      run: hello,
    },
  },
});
