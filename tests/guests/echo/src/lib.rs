//! The smallest plugin that answers, written as a stranger would write one: no endpoint, no storage, no grants.

use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to say.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Message {
    /// The text that comes back.
    message: String,
}

/// Who is calling, as the host tells this plugin.
#[derive(Serialize, JsonSchema)]
struct Whoami {
    /// The tenant, under a name that only this plugin knows it by.
    tenant: String,
    /// The access key's id.
    key_id: String,
    /// True if the key may only read.
    read_only: bool,
    /// True if the process serves this one client.
    single_client: bool,
    /// What the client says it is.
    client: Option<String>,
}

fn echo_say(arguments: Message, _: &Context) -> Result<Message, ToolError> {
    Ok(arguments)
}

fn echo_whoami(_: NoArguments, context: &Context) -> Result<Whoami, ToolError> {
    let caller = context.session().caller()?;
    Ok(Whoami {
        tenant: caller.tenant,
        key_id: caller.key_id,
        read_only: caller.read_only,
        single_client: caller.single_client,
        client: caller.client,
    })
}

fn plugin() -> Plugin {
    Plugin::new("echo", env!("CARGO_PKG_VERSION"))
        .description("Says back what it is told.")
        .tool(
            Tool::new("echo_say", echo_say)
                .title("Say it back")
                .description(
                    "Returns the message that it is given. Example: {\"message\": \"hello\"}.",
                )
                .read_only()
                .idempotent(),
        )
        .tool(
            Tool::new("echo_whoami", echo_whoami)
                .title("Who is calling")
                .description("Tells which tenant and access key the call came with.")
                .read_only()
                .idempotent(),
        )
}

orderdesk_plugin::export!(plugin);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orderdesk_plugin::testing::{self, FakeHost};
    use serde_json::json;

    use super::plugin;

    #[test]
    fn it_says_back_what_it_is_told() {
        let message = json!({ "message": "hello" });
        let answer = testing::call(plugin(), &FakeHost::new(), "echo_say", message.clone());
        assert_eq!(answer.unwrap(), message);
    }

    #[test]
    fn it_tells_who_is_calling() {
        let answer = testing::call(plugin(), &FakeHost::new(), "echo_whoami", json!({}));
        assert_eq!(answer.unwrap()["key_id"], "key-1");
    }
}
