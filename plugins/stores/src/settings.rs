//! `stores_settings`.

use std::time::Duration;

use orderdesk_client::{Access, ApiRequest, Caching, Registry, StoreReference, take};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::folders::TAG;

/// Settings change when somebody sets up a store anew: rarely.
const FRESH: Duration = Duration::from_secs(300);
/// What Order Desk is known to hand out with the settings (order-desk-api.md §1.5). The host conceals it before it gets
/// here; what is left of it is not shown either.
const CONCEALED: [&str; 5] = [
    "api_key",
    "smtp_host",
    "smtp_username",
    "smtp_password",
    "smtp_headers",
];
/// Words in the name of what is, or could be, a secret: settings are an open map, and nobody knows them all.
const SECRET: [&str; 15] = [
    "auth",
    "bearer",
    "certificate",
    "credential",
    "credentials",
    "hash",
    "key",
    "keys",
    "pass",
    "passphrase",
    "private",
    "secret",
    "secrets",
    "signature",
    "token",
];
/// The same where they are part of a longer word.
const SECRET_WITHIN: [&str; 6] = [
    "password",
    "passwd",
    "apikey",
    "secret",
    "token",
    "credential",
];

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Settings {
    /// The store that they are of.
    store: StoreReference,
    /// With Order Desk's own names; flags are mostly "", "0" or "1".
    settings: Map<String, Value>,
    /// Names of settings that are, or could be, secrets: their values are not shown.
    left_out: Vec<String>,
    /// True if the answer was kept from an earlier call, at most five minutes ago.
    cached: bool,
}

/// What is kept: never a secret.
#[derive(Serialize, Deserialize)]
struct Open {
    settings: Map<String, Value>,
    left_out: Vec<String>,
}

pub(crate) fn settings(arguments: Arguments, context: &Context) -> Result<Settings, ToolError> {
    let identifier = arguments.store_identifier.as_ref();
    let store = Registry::own(context).choose(identifier, Access::Read)?;
    let caching = Caching::new(FRESH).tag(TAG);
    let (open, cached) = store.client(context).get_reduced(
        "settings",
        ApiRequest::get(["store"]),
        &caching,
        |mut answer| {
            let settings =
                take(&mut answer, "store").and_then(|mut it| take(&mut it, "settings"))?;
            read(settings)
        },
    )?;
    Ok(Settings {
        store: store.reference(),
        settings: open.settings,
        left_out: open.left_out,
        cached,
    })
}

fn read(settings: Value) -> Result<Open, ToolError> {
    let settings = match settings {
        Value::Object(settings) => settings,
        // How PHP writes an empty map.
        Value::Array(none) if none.is_empty() => Map::new(),
        _ => {
            return Err(ToolError::upstream(
                "orderdesk-unexpected",
                "Order Desk's answer holds something else where the store's \"settings\" should be. Try again; if it \
                 persists, look into Order Desk itself.",
            ));
        }
    };
    let mut left_out = Vec::new();
    let settings = without_secrets(settings, "", &mut left_out);
    left_out.sort();
    Ok(Open { settings, left_out })
}

/// The settings whose names do not sound like a secret, at any depth.
fn without_secrets(
    settings: Map<String, Value>,
    within: &str,
    left_out: &mut Vec<String>,
) -> Map<String, Value> {
    settings
        .into_iter()
        .filter_map(|(name, value)| {
            let path = match within {
                "" => name.clone(),
                within => format!("{within}.{name}"),
            };
            if is_secret(&name) {
                left_out.push(path);
                return None;
            }
            Some((name, cleaned(value, &path, left_out)))
        })
        .collect()
}

fn cleaned(value: Value, path: &str, left_out: &mut Vec<String>) -> Value {
    match value {
        Value::Object(map) => Value::Object(without_secrets(map, path, left_out)),
        Value::Array(values) => values
            .into_iter()
            .map(|value| cleaned(value, path, left_out))
            .collect(),
        plain => plain,
    }
}

fn is_secret(name: &str) -> bool {
    let folded = name.to_lowercase();
    CONCEALED.contains(&folded.as_str())
        || SECRET_WITHIN.iter().any(|part| folded.contains(part))
        || words(name)
            .iter()
            .any(|word| SECRET.contains(&word.as_str()))
}

/// The words of a name: `stripe_secretKey` has stripe, secret and key.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in name.chars() {
        let begins = character.is_uppercase() && after_small;
        if begins || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        after_small = character.is_lowercase() || character.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_named_like_a_secret_counts_as_one() {
        for name in [
            "api_key",
            "API-Key",
            "apiKey",
            "smtp_password",
            "smtpPassword",
            "stripe_secretKey",
            "webhook_token",
            "oauth2_client_secret",
            "PRIVATE_KEY",
            "ftp_pass",
            "smtp_headers",
            "accesstoken",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_only_resembles_one_is_shown() {
        for name in [
            "timezone",
            "normalizeCapitalization",
            "security_po_box_warn",
            "smtp_port",
            "smtp_encryption",
            "keyboard_layout",
            "author_name",
            "passenger_count",
            "default_checkout_data_fields",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
