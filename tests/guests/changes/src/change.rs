//! Changing a document.

use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Content, Context, Mode, Output, Sealed, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{basis, read, still_holds};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Change {
    key: String,
    value: String,
    #[serde(default)]
    dry_run: bool,
    confirm_token: Option<String>,
    /// In a preview: write all the same.
    #[serde(default)]
    sneak: bool,
    /// In a preview: rest on something as long as this.
    basis_bytes: Option<usize>,
    /// Say it in words too.
    #[serde(default)]
    in_words: bool,
    /// Kept by the host.
    #[schemars(extend("x-sealed" = ["hmac:changes"]))]
    secret: Option<Sealed>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Changed {
    before: Option<String>,
    after: String,
    /// How the host refused a write in a preview.
    refused: Option<String>,
    /// What came of the arguments: a token never reaches a plugin.
    saw_token: bool,
    sealed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(crate) fn set(arguments: Change, context: &Context) -> Result<Output<Changed>, ToolError> {
    let before = read(context, &arguments.key)?;
    still_holds(context, before.as_deref())?;
    let preview = context.mode() == Mode::Preview;
    let write = || {
        let write = Write::put(arguments.key.clone(), arguments.value.clone());
        context.storage().commit(vec![write])
    };
    let mut refused = None;
    if !preview {
        write()?;
    } else if arguments.sneak {
        refused = write().err().and_then(|error| error.code);
    }
    let rests_on = arguments.basis_bytes.map_or_else(
        || basis(context, before.as_deref()),
        |bytes| "x".repeat(bytes),
    );
    let output = Output::new(Changed {
        before,
        after: arguments.value,
        refused,
        saw_token: arguments.confirm_token.is_some(),
        sealed: arguments.secret.is_some(),
        dry_run: arguments.dry_run.then_some(true),
        confirm_token: None,
        expires_at: None,
    })
    .resting_on(rests_on);
    Ok(if arguments.in_words {
        output.with_content(Content::Text("In words.".into()))
    } else {
        output
    })
}
