//! `[security]`: what a stranger may do, and what passes through a model.

use serde::Deserialize;

/// `[security]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// A key that nobody knows makes a tenant of its own, if it is strong enough and comes over HTTP.
    pub auto_provision: bool,
    /// `false`: no tool takes a secret as an argument. Those arguments are in no listed schema and are refused when they are
    /// sent; a person enters them on a page of this server or in a terminal.
    pub secrets_in_arguments: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            auto_provision: false,
            secrets_in_arguments: true,
        }
    }
}
