//! Secret arguments: taken from the caller and replaced by handles before the plugin runs.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::Services;
use super::context::Grantee;
use super::contract::{Error, ErrorKind};
use crate::tenancy::{Audience, HmacVerifier, Principal};

/// Longer than any key that a person enters.
const SECRET_BYTES: usize = 8 << 10;

/// What `x-sealed` may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealFor {
    /// `endpoint:NAME`: a sealed header of requests there.
    Endpoint(String),
    /// `hmac:PLUGIN`: the key of that plugin's HMAC checks, if it may use this plugin's secrets.
    Hmac(String),
    /// `session`: only to be checked by `session.authenticate`, and gone when the call ends.
    Session,
}

impl FromStr for SealFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("endpoint", name)) if !name.is_empty() => Ok(Self::Endpoint(name.to_owned())),
            Some(("hmac", plugin)) if !plugin.is_empty() => Ok(Self::Hmac(plugin.to_owned())),
            None if text == "session" => Ok(Self::Session),
            _ => Err(format!(
                "'{text}' is none of endpoint:NAME, hmac:PLUGIN, session"
            )),
        }
    }
}

/// A property of a tool's input schema that holds a secret.
#[derive(Debug, Clone)]
pub struct SealedArgument {
    /// The property's name.
    pub name: String,
    /// Where the secret will be useful.
    pub audiences: Vec<SealFor>,
    /// The tool cannot do without it. Callers may leave it out all the same: a person enters it then.
    pub needed: bool,
    /// What it is, in its author's words.
    pub description: String,
}

/// The secrets that came in with one call.
#[derive(Default)]
pub struct CallSecrets {
    session: HashMap<String, SecretString>,
    /// What checks signatures while nobody of the tenant is present, by the handle of the secret.
    verifier: Option<(String, HmacVerifier)>,
    kept: Mutex<Vec<String>>,
}

impl CallSecrets {
    /// A secret that only `session.authenticate` may see.
    pub fn session_secret(&self, handle: &str) -> Option<SecretString> {
        self.session.get(handle).cloned()
    }

    /// What may be used while nobody of the tenant is present.
    pub fn unattended(verifier: Option<(String, HmacVerifier)>) -> Self {
        Self {
            verifier,
            ..Self::default()
        }
    }

    /// What checks signatures in the place of the secret behind this handle, while nobody of the tenant is present.
    pub fn verifier(&self, handle: &str) -> Option<&HmacVerifier> {
        self.verifier
            .as_ref()
            .filter(|(of, _)| of == handle)
            .map(|(_, verifier)| verifier)
    }

    /// Handles that were sealed for this call and are to be revoked if it fails.
    pub fn take_kept(&self) -> Vec<String> {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Services {
    /// Replaces each secret argument by a handle.
    ///
    /// # Errors
    /// A value is not a text, is empty or far too long, or cannot be kept.
    pub async fn seal_arguments(
        &self,
        principal: &Principal,
        grantee: &Grantee,
        sealed: &[SealedArgument],
        arguments: &mut Map<String, Value>,
    ) -> Result<CallSecrets, Error> {
        let mut secrets = CallSecrets::default();
        for argument in sealed {
            let Some(value) = arguments.get_mut(&argument.name) else {
                continue;
            };
            // What a person pastes often brings a line break along.
            let secret = match value.take() {
                Value::String(text) => SecretString::from(text.trim()),
                _ => return Err(not_a_secret(&argument.name)),
            };
            let length = secret.expose_secret().len();
            if length == 0 || length > SECRET_BYTES {
                return Err(not_a_secret(&argument.name));
            }
            let handle = self
                .seal_argument(principal, grantee, argument, secret, &mut secrets)
                .await?;
            *value = Value::String(handle);
        }
        Ok(secrets)
    }

    /// Where a secret of this argument will be usable, in words for the person who enters it.
    pub fn usable_at(&self, argument: &SealedArgument) -> Vec<String> {
        let place = |audience: &SealFor| match audience {
            SealFor::Endpoint(name) => {
                let origin = self.http.origin(name);
                format!(
                    "at {}",
                    origin
                        .as_deref()
                        .unwrap_or("an endpoint that is not set up")
                )
            }
            SealFor::Hmac(plugin) => {
                format!("inside this server, where the plugin {plugin} checks signatures")
            }
            SealFor::Session => "nowhere: it is only checked, and not kept".to_owned(),
        };
        argument.audiences.iter().map(place).collect()
    }

    async fn seal_argument(
        &self,
        principal: &Principal,
        grantee: &Grantee,
        argument: &SealedArgument,
        secret: SecretString,
        secrets: &mut CallSecrets,
    ) -> Result<String, Error> {
        if argument.audiences == [SealFor::Session] {
            let handle = format!("session_{:032x}", rand::random::<u128>());
            secrets.session.insert(handle.clone(), secret);
            return Ok(handle);
        }
        let audiences = argument
            .audiences
            .iter()
            .map(|audience| self.audience(grantee, audience))
            .collect::<Result<Vec<_>, _>>()?;
        let handle = self
            .secrets
            .seal(
                principal,
                &grantee.name,
                secret.expose_secret().as_bytes(),
                &audiences,
                None,
            )
            .await
            .map_err(|error| Error::internal("Keeping a secret", &error))?
            .to_string();
        secrets
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(handle.clone());
        Ok(handle)
    }

    /// The vault's audience for what a plugin names, if that is granted to it.
    ///
    /// # Errors
    /// The endpoint is not granted.
    pub(super) fn audience(&self, grantee: &Grantee, wanted: &SealFor) -> Result<Audience, Error> {
        match wanted {
            SealFor::Endpoint(name) => {
                let granted = grantee.http.iter().any(|grant| &grant.endpoint == name);
                match self.http.origin(name) {
                    Some(origin) if granted => Ok(Audience::Endpoint {
                        name: name.clone(),
                        origin,
                    }),
                    _ => Err(Error::not_granted(
                        &grantee.name,
                        &format!("the endpoint '{name}'"),
                        &format!("http = [{{ endpoint = {name:?}, allow = [\"GET /…\"] }}]"),
                    )),
                }
            }
            // Nothing to grant here: only where that plugin may use this one's secrets does it help.
            SealFor::Hmac(plugin) => Ok(Audience::Hmac {
                plugin: plugin.clone(),
            }),
            SealFor::Session => Err(Error::new(
                ErrorKind::InvalidInput,
                "bad-audience",
                "A secret for the session cannot be kept for anything else.",
            )),
        }
    }
}

fn not_a_secret(argument: &str) -> Error {
    // Never what was received: it may be half a key.
    Error::new(
        ErrorKind::InvalidInput,
        "bad-secret",
        format!(
            "'{argument}' must be a text of 1 to {SECRET_BYTES} bytes. Enter the key exactly as it is shown where it was made."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_are_read_strictly() {
        assert_eq!(
            "endpoint:shop".parse(),
            Ok(SealFor::Endpoint("shop".into()))
        );
        assert_eq!("hmac:orders".parse(), Ok(SealFor::Hmac("orders".into())));
        assert_eq!("session".parse(), Ok(SealFor::Session));
        for wrong in ["", "endpoint:", "endpoint", "open:all", "sessions"] {
            assert!(wrong.parse::<SealFor>().is_err(), "{wrong}");
        }
    }
}
