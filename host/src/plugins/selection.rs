//! Which tools are in use for a request: the sets that somebody chose, and whether anything may be changed at all.
//!
//! Sets spare agents the reading of tools that they do not need; they are no fence, and a client may choose others. Being
//! read-only is one: nothing that a request brings along takes it away.

use std::sync::Arc;

use super::registry::{Listed, Registry};
use crate::capabilities::contract::{Error, ErrorKind};
use crate::tenancy::Scopes;

/// What is in use.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The sets that were chosen; none: what plugins list by default.
    pub toolsets: Option<Arc<[String]>>,
    /// Why nothing may be changed, if so.
    pub read_only: Option<ReadOnly>,
}

/// Who decided that nothing may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOnly {
    /// The operator, for everybody.
    Config,
    /// Whoever started this process, for its one client.
    Process,
    /// The client, by the URL that it uses.
    Url,
}

impl Selection {
    /// Just this tool, for whoever names it without having looked at a list.
    pub fn of(listed: &Listed) -> Self {
        Self {
            toolsets: listed.tool.toolset.clone().map(|set| [set].into()),
            read_only: None,
        }
    }

    /// Whether a tool is listed for an access key with these scopes. What is not listed cannot be called either.
    pub fn lists(&self, listed: &Listed, scopes: &Scopes) -> bool {
        self.refused_to_write(listed, scopes).is_none() && self.has(listed)
    }

    /// Refuses a tool that is not in use.
    ///
    /// # Errors
    /// Why, and what would change that.
    pub fn check(
        &self,
        listed: &Listed,
        scopes: &Scopes,
        registry: &Registry,
    ) -> Result<(), Error> {
        if let Some(error) = self.refused_to_write(listed, scopes) {
            return Err(error);
        }
        match &listed.tool.toolset {
            Some(set) if !self.has(listed) => {
                Err(self.not_in_use(&listed.tool.name, set, registry))
            }
            _ => Ok(()),
        }
    }

    fn has(&self, listed: &Listed) -> bool {
        let tool = &listed.tool;
        match (&tool.toolset, &self.toolsets) {
            (None, _) => true,
            (Some(_), None) => tool.by_default,
            (Some(set), Some(chosen)) => chosen.contains(set),
        }
    }

    fn refused_to_write(&self, listed: &Listed, scopes: &Scopes) -> Option<Error> {
        if listed.tool.hints.read_only {
            return None;
        }
        let (code, why) = match self.read_only {
            Some(ReadOnly::Config) => (
                "read-only-config",
                "the operator of this server allows only reading ([mcp] read_only)",
            ),
            Some(ReadOnly::Process) => (
                "read-only-process",
                "this process was started with --read-only",
            ),
            Some(ReadOnly::Url) => (
                "read-only-url",
                "this client is connected to /mcp/readonly; the URL /mcp can write",
            ),
            None if scopes.read_only => (
                "read-only-key",
                "this key may only read; use a key that may write",
            ),
            None => return None,
        };
        let tool = &listed.tool.name;
        Some(Error::new(
            ErrorKind::Denied,
            code,
            format!("{tool} was not called and nothing was changed: {why}."),
        ))
    }

    fn not_in_use(&self, tool: &str, set: &str, registry: &Registry) -> Error {
        let mut wanted: Vec<&str> = match &self.toolsets {
            Some(chosen) => chosen.iter().map(String::as_str).collect(),
            // Choosing sets replaces the default list, so that has to be named too.
            None => registry
                .toolsets()
                .into_iter()
                .filter(|known| registry.lists_by_default(known))
                .collect(),
        };
        if !wanted.contains(&set) {
            wanted.push(set);
        }
        Error::new(
            ErrorKind::Denied,
            "toolset-not-in-use",
            format!(
                "{tool} was not called: its tool set '{set}' is not in use here. To switch it on, connect to /mcp?toolsets={} (over \
                 stdio: --toolsets), or have the operator set [mcp] toolsets.",
                wanted.join(",")
            ),
        )
    }
}

/// Says which of the chosen sets no tool belongs to, and which sets there are.
pub fn unknown_toolset(chosen: &[String], registry: &Registry) -> Option<String> {
    if chosen.is_empty() {
        return None;
    }
    let known = registry.toolsets();
    let unknown = chosen.iter().find(|set| !known.contains(set.as_str()))?;
    let shown: String = unknown
        .chars()
        .filter(|c| !c.is_control())
        .take(40)
        .collect();
    let known: Vec<&str> = known.into_iter().collect();
    Some(format!(
        "there is no tool set '{shown}'; known: {}",
        known.join(", ")
    ))
}
