use orderdesk_plugin::http::Request;
use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Message {
    message: String,
}

fn say(message: Message, _: &Context) -> Result<Message, ToolError> {
    Ok(message)
}

fn wait(_: NoArguments, context: &Context) -> Result<Message, ToolError> {
    context.http().send(Request::get("slow").path(["wait"]))?;
    Ok(Message { message: "waited".to_owned() })
}

fn plugin() -> Plugin {
    Plugin::new("bench-rust", "0.1.0")
        .wish(r#"http = [{ endpoint = "slow", allow = ["GET /wait"] }]"#, "to wait")
        .description("What is measured.")
        .tool(Tool::new("bench_rust_say", say).title("Say").description("Says it back.").read_only())
        .tool(Tool::new("bench_rust_wait", wait).title("Wait").description("Waits.").read_only())
}

orderdesk_plugin::export!(plugin);
