//! `[security]`: what the operator decides about secrets.

use serde::Deserialize;

/// `[security]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// `false`: no tool takes a secret as an argument. Those arguments are in no listed schema and are refused when they are
    /// sent; a person enters them on a page of this server or in a terminal.
    pub secrets_in_arguments: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            secrets_in_arguments: true,
        }
    }
}
