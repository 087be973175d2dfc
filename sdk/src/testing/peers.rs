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
    /// Puts another plugin's tool there.
    pub fn peer(&self, tool: &str, peer: impl Fn(&Value) -> Result<Value, ToolError> + 'static) {
        self.world
            .peers
            .borrow_mut()
            .by_tool
            .insert(tool.to_owned(), Rc::new(peer));
    }

    /// Every call of another plugin's tool so far, with its arguments.
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
                "tool-not-granted",
                format!("There is no tool {tool}."),
            )),
        }
    }
}
