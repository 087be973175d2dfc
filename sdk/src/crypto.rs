//! Secrets by handle, and the few primitives that plugins need.
//!
//! For a token that a service hands out and wants back, a signature that is to be checked, a digest, random bytes. A plugin
//! never reads a secret: it passes its handle on, and the host opens it.
//!
//! ```
//! use orderdesk_plugin::crypto::Audience;
//! use orderdesk_plugin::http::Request;
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//!
//! let token = context.crypto().seal(b"t0ken", &[Audience::Endpoint("wiki".to_owned())], None)?;
//! let request = Request::get("wiki").sealed_header("Authorization", "Bearer ", &token);
//! # assert_eq!(request.headers.len(), 1);
//! # Ok(())
//! # }).unwrap();
//! ```

use crate::arguments::Sealed;
use crate::error::ToolError;

/// Where a sealed secret is useful.
///
/// ```
/// use orderdesk_plugin::crypto::Audience;
/// use orderdesk_plugin::http::Request;
/// use orderdesk_plugin::testing::{FakeHost, Reply};
/// # let host = FakeHost::new();
/// # host.endpoint("wiki", |_| Reply::bytes(200, ""));
/// # host.endpoint("blog", |_| Reply::bytes(200, ""));
/// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
///
/// // What a service handed out, kept for later requests to it.
/// let token = context.crypto().seal(b"t0ken", &[Audience::Endpoint("wiki".into())], None)?;
/// let request = |endpoint: &str| Request::get(endpoint).sealed_header("authorization", "Bearer ", &token);
/// assert!(context.http().send(request("wiki")).is_ok());
/// assert!(context.http().send(request("blog")).is_err()); // the host does not open it there
/// # Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// As a header of requests to this endpoint.
    Endpoint(String),
    /// As the key of [`Crypto::verify_hmac`] in the plugin of this name, if it may use this plugin's secrets.
    Hmac(String),
}

/// What a host does for [`Crypto`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::crypto::{Audience, CryptoHost};
/// use orderdesk_plugin::{Sealed, ToolError};
///
/// /// Keeps no secrets at all.
/// struct Keyless;
///
/// fn none<T>() -> Result<T, ToolError> {
///     Err(ToolError::not_found("secret-not-found", "This host keeps no secrets."))
/// }
///
/// impl CryptoHost for Keyless {
///     fn seal(&self, _: &[u8], _: &[Audience], _: Option<&str>) -> Result<Sealed, ToolError> { none() }
///     fn revoke(&self, _: &Sealed) -> Result<(), ToolError> { none() }
///     fn verify_hmac(&self, _: &Sealed, _: &[u8], _: &[u8]) -> Result<bool, ToolError> { none() }
///     fn sha256(&self, _: &[u8]) -> Vec<u8> { vec![0; 32] }
///     fn random(&self, length: u32) -> Result<Vec<u8>, ToolError> { Ok(vec![0; length as usize]) }
/// }
///
/// assert!(Keyless.revoke(&Sealed::new("sec_17")).unwrap_err().has_code("secret-not-found"));
/// ```
pub trait CryptoHost {
    /// Seals a secret that the plugin itself received.
    /// See [`CryptoHost`]'s example.
    ///
    /// # Errors
    /// `denied` for an audience without a grant, and where the call may only read; `invalid-input` without an audience, and for a
    /// secret that is empty or has more than 8 KiB.
    fn seal(
        &self,
        plaintext: &[u8],
        audiences: &[Audience],
        subject: Option<&str>,
    ) -> Result<Sealed, ToolError>;

    /// Makes a handle worthless.
    /// See [`CryptoHost`]'s example.
    ///
    /// # Errors
    /// `not-found` for a handle that is not this plugin's; `denied` where the call may only read.
    fn revoke(&self, value: &Sealed) -> Result<(), ToolError>;

    /// Checks an HMAC-SHA256 in constant time.
    /// See [`CryptoHost`]'s example.
    ///
    /// # Errors
    /// `denied` for a handle that was not sealed for this; `not-found` for one that opens nothing.
    fn verify_hmac(
        &self,
        key: &Sealed,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, ToolError>;

    /// SHA-256.
    /// See [`CryptoHost`]'s example.
    fn sha256(&self, data: &[u8]) -> Vec<u8>;

    /// Random bytes, at most 1,024.
    /// See [`CryptoHost`]'s example.
    ///
    /// # Errors
    /// `too-large` for more.
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

    /// Seals a secret that the plugin itself received (what a person enters is sealed before the plugin runs), for these
    /// audiences and no other. With a subject, such as `store:9021`, it opens only in calls that act on it
    /// ([`crate::session::Session::act_on`]).
    ///
    /// ```
    /// use orderdesk_plugin::crypto::Audience;
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let audience = [Audience::Endpoint("wiki".to_owned())];
    /// let token = context.crypto().seal(b"t0ken", &audience, None)?;
    /// // The handle can be stored: it is not the secret.
    /// context.storage().commit(vec![Write::put("wiki-token", token.handle())])?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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
    /// ```
    /// use orderdesk_plugin::crypto::Audience;
    /// use orderdesk_plugin::testing::FakeHost;
    /// # let host = FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let token = context.crypto().seal(b"t0ken", &[Audience::Endpoint("wiki".to_owned())], None)?;
    /// context.crypto().revoke(&token)?;
    /// assert!(!host.is_usable(&token));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What the host refuses: see [`CryptoHost::revoke`].
    pub fn revoke(&self, value: &Sealed) -> Result<(), ToolError> {
        self.host.revoke(value)
    }

    /// Checks an HMAC-SHA256 with a sealed key, in constant time. The signature is its 32 bytes: decode what a header gives in
    /// hexadecimal or Base64.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Sealed, ToolError};
    /// # use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// fn is_genuine(
    ///     context: &Context,
    ///     key: &Sealed,
    ///     body: &[u8],
    ///     signature: &[u8],
    /// ) -> Result<bool, ToolError> {
    ///     context.crypto().verify_hmac(key, body, signature)
    /// }
    ///
    /// let host = FakeHost::new();
    /// let key = host.seal("a key", &["hmac:plugin"]); // for the plugin that `with_context` runs
    /// let forged = with_context(&host, |context| is_genuine(context, &key, b"{}", &[0; 32]));
    /// assert!(!forged.unwrap());
    /// ```
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

    /// SHA-256: 32 bytes, such as for the identity of a [`crate::webhooks::Happening`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let identity = context.crypto().sha256(b"order 17, changed on Monday");
    /// assert_eq!(identity.len(), 32);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn sha256(&self, data: &[u8]) -> Vec<u8> {
        self.host.sha256(data)
    }

    /// SHA-256 in 64 lower-case hexadecimal digits, such as for the digest that a preview rests on.
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let digest = context.crypto().sha256_hex(b"abc");
    /// assert!(digest.starts_with("ba7816bf"));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let nonce = context.crypto().random(16)?;
    /// assert_eq!(nonce.len(), 16);
    /// assert!(context.crypto().random(2_000).is_err());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What the host refuses: see [`CryptoHost::random`].
    pub fn random(&self, length: u32) -> Result<Vec<u8>, ToolError> {
        self.host.random(length)
    }
}
