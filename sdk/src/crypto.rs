//! Secrets by handle, and the few primitives that plugins need.

use crate::arguments::Sealed;
use crate::error::ToolError;

/// Where a sealed secret is useful.
///
/// ```
/// use orderdesk_plugin::crypto::Audience;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// with_context(&FakeHost::new(), |context| {
///     // What a service handed out, kept for later requests to it.
///     let token = context.crypto().seal(b"t0ken", &[Audience::Endpoint("wiki".into())], None);
///     let request = orderdesk_plugin::http::Request::get("wiki");
///     let request = request.sealed_header("authorization", "Bearer ", &token.unwrap());
///     # let _ = request;
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// As a header of requests to this endpoint.
    Endpoint(String),
    /// As the key of [`Crypto::verify_hmac`] in the plugin of this name, if it may use this plugin's secrets.
    Hmac(String),
}

/// What a host does for [`Crypto`].
pub trait CryptoHost {
    /// Seals a secret that the plugin itself received.
    ///
    /// # Errors
    /// `denied` for an audience without a grant, or where the call may only read.
    fn seal(
        &self,
        plaintext: &[u8],
        audiences: &[Audience],
        subject: Option<&str>,
    ) -> Result<Sealed, ToolError>;

    /// Makes a handle worthless.
    ///
    /// # Errors
    /// `not-found` for a handle that is not this plugin's.
    fn revoke(&self, value: &Sealed) -> Result<(), ToolError>;

    /// Checks an HMAC-SHA256 in constant time.
    ///
    /// # Errors
    /// `denied` for a handle that was not sealed for this.
    fn verify_hmac(
        &self,
        key: &Sealed,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, ToolError>;

    /// SHA-256.
    fn sha256(&self, data: &[u8]) -> Vec<u8>;

    /// Random bytes, at most 1,024.
    ///
    /// # Errors
    /// `invalid-input` for more.
    fn random(&self, length: u32) -> Result<Vec<u8>, ToolError>;
}

/// Secrets by handle. There is no way to read one.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// with_context(&FakeHost::new(), |context| {
///     let digest = context.crypto().sha256_hex(b"the same for the same");
///     assert_eq!(digest.len(), 64);
///     assert_eq!(context.crypto().random(16).unwrap().len(), 16);
/// });
/// ```
pub struct Crypto<'a> {
    host: &'a dyn CryptoHost,
}

impl<'a> Crypto<'a> {
    pub(crate) fn new(host: &'a dyn CryptoHost) -> Self {
        Self { host }
    }

    /// Seals a secret that the plugin itself received (what a person enters is sealed before the plugin runs).
    ///
    /// # Errors
    /// What the host refuses: see [`CryptoHost::seal`].
    pub fn seal(
        &self,
        plaintext: &[u8],
        audiences: &[Audience],
        subject: Option<&str>,
    ) -> Result<Sealed, ToolError> {
        self.host.seal(plaintext, audiences, subject)
    }

    /// Makes a handle worthless from now on.
    ///
    /// # Errors
    /// What the host refuses: see [`CryptoHost::revoke`].
    pub fn revoke(&self, value: &Sealed) -> Result<(), ToolError> {
        self.host.revoke(value)
    }

    /// Checks an HMAC-SHA256 with a sealed key, in constant time.
    ///
    /// # Errors
    /// What the host refuses: see [`CryptoHost::verify_hmac`].
    pub fn verify_hmac(
        &self,
        key: &Sealed,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, ToolError> {
        self.host.verify_hmac(key, message, signature)
    }

    /// SHA-256.
    #[must_use]
    pub fn sha256(&self, data: &[u8]) -> Vec<u8> {
        self.host.sha256(data)
    }

    /// SHA-256 in lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256_hex(&self, data: &[u8]) -> String {
        self.host
            .sha256(data)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Random bytes, at most 1,024.
    ///
    /// # Errors
    /// What the host refuses: see [`CryptoHost::random`].
    pub fn random(&self, length: u32) -> Result<Vec<u8>, ToolError> {
        self.host.random(length)
    }
}
