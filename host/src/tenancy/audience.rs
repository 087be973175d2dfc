//! Where a sealed secret may be used.

use serde::{Deserialize, Serialize};

/// One place where a sealed secret may be used. Both are inside the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Audience {
    /// In a header of a request to an endpoint.
    Endpoint {
        /// Its name in the config.
        name: String,
        /// Where it was when the secret was sealed, as `scheme://host:port`: an endpoint that was moved since gets nothing.
        origin: String,
    },
    /// As the key of an HMAC check by a plugin.
    Hmac {
        /// The plugin. It needs to be allowed the use of its owner's secrets, too.
        plugin: String,
    },
}

/// As the database keeps them; the ciphertext is bound to this very text.
pub(super) fn to_column(audiences: &[Audience]) -> Result<String, serde_json::Error> {
    serde_json::to_string(audiences)
}

/// Reads what [`to_column`] wrote.
pub(super) fn from_column(column: &str) -> Result<Vec<Audience>, serde_json::Error> {
    serde_json::from_str(column)
}
