//! Tools as their authors write them, run natively.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod calls;
mod fakes;
mod locks;
mod offers;
mod storage;

use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::testing::{self, FakeHost};
use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};

/// Runs a piece of a tool in a call of the plugin `probe`.
fn within<T: 'static>(
    host: &FakeHost,
    work: impl Fn(&Context) -> Result<T, ToolError> + 'static,
) -> Result<T, ToolError> {
    let result = std::rc::Rc::new(std::cell::RefCell::new(None));
    let keep = std::rc::Rc::clone(&result);
    let tool = Tool::new("probe_run", move |_: NoArguments, context: &Context| {
        *keep.borrow_mut() = Some(work(context)?);
        Ok(json!({}))
    });
    let plugin = Plugin::new("probe", "0.1.0").tool(tool);
    testing::call(plugin, host, "probe_run", json!({}))?;
    Ok(result.take().unwrap())
}
