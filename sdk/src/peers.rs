//! Calls of other plugins' tools.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ToolError;

/// What a host does for [`Peers`].
pub trait PeersHost {
    /// Calls another plugin's tool and answers its structured result.
    ///
    /// # Errors
    /// `denied` without a grant, and every error of that tool.
    fn call_tool(&self, tool: &str, arguments: &Value) -> Result<Value, ToolError>;
}

/// Other plugins' tools, by grant, with the caller's rights, mode and deadline. The first choice for custom tools: no
/// endpoint, no key.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, with_context};
/// use serde_json::{Value, json};
///
/// let host = FakeHost::new();
/// host.peer("orders_list", |arguments| {
///     assert_eq!(arguments["folder_name"], "New");
///     Ok(json!({ "orders": [{ "id": "17" }] }))
/// });
/// with_context(&host, |context| {
///     let found: Value = context.peers().call("orders_list", &json!({ "folder_name": "New" })).unwrap();
///     assert_eq!(found["orders"][0]["id"], "17");
///     let refused = context.peers().call::<Value>("orders_delete", &json!({})).unwrap_err();
///     assert!(refused.has_code("tool-not-granted"));
/// });
/// ```
pub struct Peers<'a> {
    host: &'a dyn PeersHost,
}

impl<'a> Peers<'a> {
    pub(crate) fn new(host: &'a dyn PeersHost) -> Self {
        Self { host }
    }

    /// Calls another plugin's tool and answers its structured result.
    ///
    /// # Errors
    /// `denied` without a grant, every error of that tool, and `internal` with code `peer-malformed` if arguments or
    /// result do not fit their types.
    pub fn call<T: DeserializeOwned>(
        &self,
        tool: &str,
        arguments: &impl Serialize,
    ) -> Result<T, ToolError> {
        let malformed = |what: &str, error: serde_json::Error| {
            ToolError::internal("peer-malformed", format!("The {what} of {tool}: {error}"))
        };
        let arguments =
            serde_json::to_value(arguments).map_err(|error| malformed("arguments", error))?;
        let result = self.host.call_tool(tool, &arguments)?;
        serde_json::from_value(result).map_err(|error| malformed("result", error))
    }
}
