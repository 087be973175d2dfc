//! `peers`: other plugins' tools, by grant.

use super::context::CallState;
use super::contract::{Error, ErrorKind, peers::Host};

/// How many plugins a call may pass through.
const DEPTH: u8 = 2;

impl Host for CallState {
    #[tracing::instrument(level = "debug", name = "peers.call_tool", skip_all)]
    async fn call_tool(&mut self, tool: String, arguments: String) -> Result<String, Error> {
        let call = self.call()?;
        if !self.grantee.tools.contains(&tool) {
            return Err(Error::not_granted(
                &self.grantee.name,
                &format!("the tool '{tool}'"),
                &format!("tools = [{tool:?}]"),
            ));
        }
        self.services.consented(&call).await?;
        if call.depth >= DEPTH {
            return Err(Error::new(
                ErrorKind::Denied,
                "too-deep",
                format!(
                    "'{tool}' was not called: tools of other plugins may be called {DEPTH} deep."
                ),
            ));
        }
        call.peers.call_peer(&call, &tool, &arguments).await
    }
}
