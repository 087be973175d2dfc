//! Calls of other plugins' tools.
//!
//! The first choice for custom tools: what another plugin does already, such as reading orders, it does with its own endpoint,
//! its own key and its own checks. Needs the grant `tools`, which [`crate::Plugin::wish`] asks for; in a test,
//! [`crate::testing::FakeHost::peer`] puts such tools there.
//!
//! ```
//! use orderdesk_plugin::testing::FakeHost;
//! use serde_json::{Value, json};
//!
//! let host = FakeHost::new();
//! host.peer("orders_get", |arguments| Ok(json!({ "id": arguments["order_id"], "city": "Portland" })));
//! # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
//!
//! let order: Value = context.peers().call("orders_get", &json!({ "order_id": "17" }))?;
//! assert_eq!(order["city"], "Portland");
//! # Ok(())
//! # }).unwrap();
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ToolError;

/// What a host does for [`Peers`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::ToolError;
/// use orderdesk_plugin::peers::PeersHost;
/// use serde_json::{Value, json};
///
/// /// Has one tool, which answers what it is asked.
/// struct Echo;
///
/// impl PeersHost for Echo {
///     fn call_tool(&self, tool: &str, arguments: &Value) -> Result<Value, ToolError> {
///         match tool {
///             "echo" => Ok(arguments.clone()),
///             _ => Err(ToolError::denied("not-granted", format!("There is no tool {tool}."))),
///         }
///     }
/// }
///
/// assert_eq!(Echo.call_tool("echo", &json!({ "a": 1 })).unwrap()["a"], 1);
/// ```
pub trait PeersHost {
    /// Calls another plugin's tool and answers its structured result.
    /// See [`PeersHost`]'s example.
    ///
    /// # Errors
    /// `denied` without a grant, or where a call passed through two plugins already; every error of that tool.
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
///     assert!(refused.has_code("not-granted"));
/// });
/// ```
pub struct Peers<'a> {
    host: &'a dyn PeersHost,
}

impl<'a> Peers<'a> {
    pub(crate) fn new(host: &'a dyn PeersHost) -> Self {
        Self { host }
    }

    /// Calls another plugin's tool and answers its structured result, as the types that this plugin has for them.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, ToolError};
    /// # use orderdesk_plugin::testing::{FakeHost, with_context};
    /// # use serde_json::json;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Wanted<'a> {
    ///     folder_name: &'a str,
    /// }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Found {
    ///     orders: Vec<Order>,
    /// }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order {
    ///     id: String,
    /// }
    ///
    /// fn new_orders(context: &Context) -> Result<Vec<String>, ToolError> {
    ///     let found: Found = context.peers().call("orders_list", &Wanted { folder_name: "New" })?;
    ///     Ok(found.orders.into_iter().map(|order| order.id).collect())
    /// }
    ///
    /// let host = FakeHost::new();
    /// host.peer("orders_list", |_| Ok(json!({ "orders": [{ "id": "17" }] })));
    /// assert_eq!(with_context(&host, new_orders).unwrap(), ["17"]);
    /// ```
    ///
    /// # Errors
    /// `denied` without a grant, or where the call passed through two plugins already; every error of that tool; `internal` with
    /// code `peer-malformed` if arguments or result do not fit their types.
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
