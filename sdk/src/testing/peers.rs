//! Other plugins' tools.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::{CallHost, FakeHost};
use crate::error::ToolError;
use crate::peers::PeersHost;

type Peer = Rc<dyn Fn(&Value) -> Result<Value, ToolError>>;

#[derive(Default)]
pub(super) struct Peers {
    by_tool: BTreeMap<String, Peer>,
    calls: Vec<(String, Value)>,
}

impl FakeHost {
    /// Puts another plugin's tool there: what it answers, or fails with.
    ///
    /// ```
    /// use orderdesk_plugin::ToolError;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    /// use serde_json::{Value, json};
    ///
    /// let host = FakeHost::new();
    /// host.peer("orders_get", |arguments| match arguments["order_id"].as_str() {
    ///     Some("17") => Ok(json!({ "id": "17" })),
    ///     _ => Err(ToolError::not_found("order-not-found", "There is no such order.")),
    /// });
    /// with_context(&host, |context| {
    ///     let missing = context.peers().call::<Value>("orders_get", &json!({ "order_id": "18" }));
    ///     assert!(missing.unwrap_err().has_code("order-not-found"));
    /// });
    /// ```
    pub fn peer(&self, tool: &str, peer: impl Fn(&Value) -> Result<Value, ToolError> + 'static) {
        self.world
            .peers
            .borrow_mut()
            .by_tool
            .insert(tool.to_owned(), Rc::new(peer));
    }

    /// Every call of another plugin's tool so far, with its arguments.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    /// use serde_json::{Value, json};
    ///
    /// let host = FakeHost::new();
    /// host.peer("orders_move", |_| Ok(json!({})));
    /// with_context(&host, |context| {
    ///     context.peers().call::<Value>("orders_move", &json!({ "order_id": "17" })).unwrap();
    /// });
    /// assert_eq!(host.peer_calls(), [("orders_move".to_owned(), json!({ "order_id": "17" }))]);
    /// ```
    #[must_use]
    pub fn peer_calls(&self) -> Vec<(String, Value)> {
        self.world.peers.borrow().calls.clone()
    }
}

impl PeersHost for CallHost {
    fn call_tool(&self, tool: &str, arguments: &Value) -> Result<Value, ToolError> {
        let peer = {
            let mut peers = self.host.world.peers.borrow_mut();
            peers.calls.push((tool.to_owned(), arguments.clone()));
            peers.by_tool.get(tool).cloned()
        };
        match peer {
            Some(peer) => peer(arguments),
            None => Err(ToolError::denied(
                "not-granted",
                format!("There is no tool {tool}."),
            )),
        }
    }
}
