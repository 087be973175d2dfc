//! Sealed secrets, digests and random bytes.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{CallHost, FakeHost};
use crate::arguments::Sealed;
use crate::crypto::{Audience, CryptoHost};
use crate::error::ToolError;

#[derive(Default)]
pub(super) struct Vault {
    by_handle: BTreeMap<String, Secret>,
    hmac_checks: usize,
}

struct Secret {
    plaintext: Vec<u8>,
    audiences: Vec<Audience>,
    subject: Option<String>,
    revoked: bool,
}

impl FakeHost {
    /// Seals a secret as the host seals an argument with `"x-sealed": audiences`, such as `["endpoint:shop"]`. Its
    /// subject is that of the first call which uses it.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Plugin, Sealed, Tool};
    /// use serde_json::json;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Arguments {
    ///     #[schemars(extend("x-sealed" = ["endpoint:shop"]))]
    ///     api_key: Sealed,
    /// }
    ///
    /// let tool = Tool::new("shop_connect", |it: Arguments, _| Ok(json!({ "kept": it.api_key.handle() })));
    /// let host = FakeHost::new();
    /// let handle = host.seal("hunter2", &["endpoint:shop"]);
    /// let plugin = Plugin::new("shop", "0.1.0").tool(tool);
    /// let answer = testing::call(plugin, &host, "shop_connect", json!({ "api_key": handle })).unwrap();
    /// assert!(!answer.to_string().contains("hunter2"));
    /// ```
    #[must_use]
    pub fn seal(&self, plaintext: &str, audiences: &[&str]) -> Sealed {
        let audiences = audiences
            .iter()
            .filter_map(|audience| match audience.split_once(':') {
                Some(("endpoint", name)) => Some(Audience::Endpoint(name.to_owned())),
                Some(("hmac", name)) => Some(Audience::Hmac(name.to_owned())),
                // `session` is nothing to open: see `Session::authenticate`.
                _ => None,
            })
            .collect();
        self.keep(plaintext.as_bytes(), audiences, None)
    }

    /// True if the handle was sealed here and is not revoked.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// let key = host.seal("hunter2", &["endpoint:shop"]);
    /// assert!(host.is_usable(&key));
    /// with_context(&host, |context| context.crypto().revoke(&key)).unwrap();
    /// assert!(!host.is_usable(&key));
    /// ```
    #[must_use]
    pub fn is_usable(&self, handle: &Sealed) -> bool {
        let vault = self.world.secrets.borrow();
        vault
            .by_handle
            .get(handle.handle())
            .is_some_and(|secret| !secret.revoked)
    }

    /// How often `verify_hmac` was asked. A plugin for which several texts may have been signed tries all of them, whichever it is:
    /// else the time that it takes says something.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// let key = host.seal("hunter2", &["hmac:plugin"]);
    /// let genuine = with_context(&host, |context| {
    ///     let texts: [&[u8]; 2] = [b"as it came", b"as it is decoded"];
    ///     let checks = texts.map(|text| context.crypto().verify_hmac(&key, text, &[0; 32]));
    ///     checks.into_iter().any(|check| check.unwrap())
    /// });
    /// assert!(!genuine && host.hmac_checks() == 2);
    /// ```
    #[must_use]
    pub fn hmac_checks(&self) -> usize {
        self.world.secrets.borrow().hmac_checks
    }

    pub(super) fn plaintext(&self, handle: &Sealed) -> Option<Vec<u8>> {
        let vault = self.world.secrets.borrow();
        let secret = vault.by_handle.get(handle.handle())?;
        (!secret.revoked).then(|| secret.plaintext.clone())
    }

    fn keep(&self, plaintext: &[u8], audiences: Vec<Audience>, subject: Option<String>) -> Sealed {
        let handle = self.next_id("sealed");
        let secret = Secret {
            plaintext: plaintext.to_vec(),
            audiences,
            subject,
            revoked: false,
        };
        let mut vault = self.world.secrets.borrow_mut();
        vault.by_handle.insert(handle.clone(), secret);
        Sealed::new(handle)
    }
}

impl CallHost {
    /// The secret behind a handle, as text, for a header of a request to `endpoint`.
    pub(super) fn open_for(&self, endpoint: &str, handle: &Sealed) -> Result<String, ToolError> {
        self.require_attended("The key")?;
        let plaintext = self.open(handle, &Audience::Endpoint(endpoint.to_owned()))?;
        Ok(String::from_utf8_lossy(&plaintext).into_owned())
    }

    fn open(&self, handle: &Sealed, audience: &Audience) -> Result<Vec<u8>, ToolError> {
        let mut vault = self.host.world.secrets.borrow_mut();
        let secret = vault
            .by_handle
            .get_mut(handle.handle())
            .filter(|secret| !secret.revoked)
            .ok_or_else(no_secret)?;
        if !secret.audiences.contains(audience) {
            return Err(ToolError::denied(
                "secret-not-for-this",
                "The secret was not sealed for this use.",
            ));
        }
        let subject = self.subject();
        if secret.subject.is_none() {
            secret.subject.clone_from(&subject);
        }
        if secret.subject != subject {
            return Err(ToolError::denied(
                "secret-not-for-this",
                "The secret belongs to another subject than the call's.",
            ));
        }
        Ok(secret.plaintext.clone())
    }
}

impl CryptoHost for CallHost {
    fn seal(
        &self,
        plaintext: &[u8],
        audiences: &[Audience],
        subject: Option<&str>,
    ) -> Result<Sealed, ToolError> {
        self.require_write("crypto.seal")?;
        self.require_attended("crypto.seal")?;
        let subject = subject.map(str::to_owned);
        Ok(self.host.keep(plaintext, audiences.to_vec(), subject))
    }

    fn revoke(&self, value: &Sealed) -> Result<(), ToolError> {
        self.require_write("crypto.revoke")?;
        self.require_attended("crypto.revoke")?;
        let mut vault = self.host.world.secrets.borrow_mut();
        match vault.by_handle.get_mut(value.handle()) {
            Some(secret) => {
                secret.revoked = true;
                Ok(())
            }
            None => Err(no_secret()),
        }
    }

    fn verify_hmac(
        &self,
        key: &Sealed,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, ToolError> {
        self.host.world.secrets.borrow_mut().hmac_checks += 1;
        let key = self.open(key, &Audience::Hmac(self.plugin.clone()))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key)
            .map_err(|error| ToolError::internal("hmac-key", error.to_string()))?;
        mac.update(message);
        Ok(mac.verify_slice(signature).is_ok())
    }

    fn sha256(&self, data: &[u8]) -> Vec<u8> {
        Sha256::digest(data).to_vec()
    }

    fn random(&self, length: u32) -> Result<Vec<u8>, ToolError> {
        if length > 1024 {
            return Err(ToolError::too_large(
                "too-much-random",
                "At most 1,024 random bytes at a time.",
            ));
        }
        // Not random, so that a failing test fails again; but never the same twice.
        let mut bytes = Vec::new();
        while bytes.len() < length as usize {
            bytes.extend(Sha256::digest(self.host.next_id("random")));
        }
        bytes.truncate(length as usize);
        Ok(bytes)
    }
}

fn no_secret() -> ToolError {
    ToolError::not_found("secret-not-found", "No secret stands behind this handle.")
}
