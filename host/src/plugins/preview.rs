//! Previews: a call that answers what it would change, and the token with which a second call makes exactly that change.

use serde_json::{Map, Value};

use super::answer::broken;
use super::refusal::refusal;
use super::registry::Listed;
use crate::capabilities::Services;
use crate::capabilities::contract::tools::{Confirmation, Content, Mode, Output};
use crate::capabilities::contract::{Error, ErrorKind};
use crate::tenancy::{ConfirmationError, ConfirmationPurpose, Principal};

/// The argument that asks for a preview.
pub(super) const DRY_RUN: &str = "dry_run";
/// The argument that brings back a preview's token.
pub(super) const CONFIRM_TOKEN: &str = "confirm_token";
/// A digest with some room; what is longer is the thing itself.
const BASIS_BYTES: usize = 256;

/// Whether the caller wants the deed or a preview of it.
///
/// # Errors
/// Both at once, or a preview of a tool that has none: a caller that asks for one must not get the deed.
pub(super) fn mode(listed: &Listed, arguments: &Map<String, Value>) -> Result<Mode, Error> {
    let tool = &listed.tool;
    if tool.hints.read_only || arguments.get(DRY_RUN) != Some(&Value::Bool(true)) {
        return Ok(Mode::Run);
    }
    if !tool.takes(DRY_RUN) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "no-preview",
            format!(
                "{} has no preview, so nothing was done. Without {DRY_RUN} it makes the change.",
                tool.name
            ),
        ));
    }
    if confirm_token(arguments).is_some() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "confirm-token-with-dry-run",
            format!(
                "{DRY_RUN} asks for a preview and {CONFIRM_TOKEN} confirms one, so nothing was done. Leave {DRY_RUN} out to make \
                 the change, or {CONFIRM_TOKEN} to see it anew."
            ),
        ));
    }
    Ok(Mode::Preview)
}

/// Whether a tool has a preview that can be confirmed.
pub(super) fn has(listed: &Listed) -> bool {
    listed.tool.takes(DRY_RUN) && listed.tool.takes(CONFIRM_TOKEN)
}

/// The token that came with a call.
pub(super) fn confirm_token(arguments: &Map<String, Value>) -> Option<&Value> {
    arguments
        .get(CONFIRM_TOKEN)
        .filter(|token| !token.is_null())
}

/// What a token is bound to: the arguments without the two that differ between a preview and its confirmation.
pub(super) fn bound(arguments: &Map<String, Value>) -> Map<String, Value> {
    arguments
        .iter()
        .filter(|(name, _)| *name != DRY_RUN && *name != CONFIRM_TOKEN)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Takes the token of a call that carries one: from here on it is good for nothing.
///
/// # Errors
/// It is not good for this call.
pub(super) async fn confirmed(
    services: &Services,
    principal: &Principal,
    tool: &str,
    bound: &Map<String, Value>,
    token: &Value,
) -> Result<Confirmation, Error> {
    let basis = services
        .confirmations
        .redeem(
            principal,
            ConfirmationPurpose::Preview,
            tool,
            bound,
            token.as_str().unwrap_or_default(),
        )
        .await
        .map_err(|error| match error {
            ConfirmationError::Refused(refused) => {
                refusal(ConfirmationPurpose::Preview, tool, refused)
            }
            error => Error::internal("Looking at a confirm_token", &error),
        })?;
    let basis = String::from_utf8(basis.to_vec())
        .map_err(|error| Error::internal("Reading a preview's basis", &error))?;
    Ok(Confirmation { basis })
}

/// Adds to a preview that has a basis the token that confirms it, for those who read the structured result and for those
/// who read the text.
pub(super) async fn with_token(
    services: &Services,
    principal: &Principal,
    listed: &Listed,
    bound: &Map<String, Value>,
    mut output: Output,
) -> Result<Output, Error> {
    let Some(basis) = output.basis.take() else {
        return Ok(output);
    };
    if basis.len() > BASIS_BYTES {
        return Err(broken(listed, "the basis of its preview is too long"));
    }
    if !listed.tool.takes(CONFIRM_TOKEN) {
        return Ok(output);
    }
    if output
        .structured
        .as_ref()
        .is_some_and(|text| text.len() as u64 > listed.limits().output.as_u64())
    {
        // Refused by who checks the result, unread.
        return Ok(output);
    }
    let issued = services
        .confirmations
        .issue(
            principal,
            ConfirmationPurpose::Preview,
            &listed.tool.name,
            bound,
            basis.as_bytes(),
        )
        .await
        .map_err(|error| Error::internal("Issuing a confirm_token", &error))?;
    let expires_at = issued.expires_at.rfc3339();
    if !output.content.is_empty() {
        output.content.push(Content::Text(format!(
            "Nothing was changed. To make exactly this change, call {} again with the same arguments, without {DRY_RUN}, and with \
             {CONFIRM_TOKEN} \"{}\" (once, until {expires_at}).",
            listed.tool.name, issued.token
        )));
    }
    let structured = output.structured.take();
    // It may be long, and to read it would keep a thread from other calls.
    let structured =
        tokio::task::spawn_blocking(move || with(structured, issued.token, expires_at)).await;
    output.structured =
        Some(structured.map_err(|error| Error::internal("Adding a confirm_token", &error))?);
    Ok(output)
}

fn with(structured: Option<String>, token: String, expires_at: String) -> String {
    let text = structured.unwrap_or_else(|| "{}".to_owned());
    match serde_json::from_str(&text) {
        Ok(Value::Object(mut structured)) => {
            structured.insert(CONFIRM_TOKEN.into(), token.into());
            structured.insert("expires_at".into(), expires_at.into());
            Value::Object(structured).to_string()
        }
        // Whoever checks the result against its schema says what is wrong with it.
        _ => text,
    }
}
