//! `[security]`: what a stranger may do, and what passes through a model.

use serde::Deserialize;

/// `[security]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// A key that nobody knows makes a tenant of its own, if it is strong enough and comes over HTTP.
    pub auto_provision: bool,
}
