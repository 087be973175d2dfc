use orderdesk_plugin::{Context, NoArguments, Tool, ToolError};

struct Count;

fn count(_: NoArguments, _: &Context) -> Result<Count, ToolError> {
    Ok(Count)
}

fn main() {
    let _ = Tool::new("shelf_count", count);
}
