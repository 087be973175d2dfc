//! What an operator can set.

use orderdesk_client::WriteSettings;
use orderdesk_plugin::{Context, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

/// `[plugins.orders.settings]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) writing: WriteSettings,
    /// Look into the order's history after each change whether somebody edited it in the same moment. One more request.
    #[serde(default)]
    pub(crate) verify_overwrites: bool,
}

impl Settings {
    /// The settings of this call.
    ///
    /// # Errors
    /// `settings-malformed`, which the host's own check prevents.
    pub(crate) fn of(context: &Context) -> Result<Self, ToolError> {
        context.settings()
    }
}
