"""A plugin for orderdesk-mcp: replace the greeting by what your shop needs."""

from orderdesk_plugin import Plugin, ToolError

plugin = Plugin("{{name}}", "0.1.0", description="Greets people.")


@plugin.tool(
    title="Greet somebody",
    description='Greets a person by name. Example: {"person": "Ada"}.',
    read_only=True,
    idempotent=True,
    input={"person": {"type": "string", "description": "Whom to greet."}},
    output={"greeting": {"type": "string", "description": "What to say."}},
)
def {{word}}_hello(context, person):
    if not person.strip():
        # The model reads this: what is wrong, with what, what to do next.
        raise ToolError("invalid-input", "nobody", "`person` is blank. Say whom to greet.")
    context.log.info("greeting somebody")
    return {"greeting": f"Hello, {person.strip()}!"}
