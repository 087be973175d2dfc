//! Bytes with a time to live, which may vanish at any time.

use std::time::Duration;

use crate::error::ToolError;
use crate::http::milliseconds;

/// What a host does for [`Cache`].
pub trait CacheHost {
    /// The value, or a ticket to put one.
    ///
    /// # Errors
    /// `denied` without a grant.
    fn get(&self, key: &str) -> Result<Lookup, ToolError>;

    /// Keeps a value for `ttl_ms` milliseconds. A void ticket stores nothing and is no error.
    ///
    /// # Errors
    /// `too-large`, or `denied` without a grant.
    fn put(
        &self,
        ticket: Ticket,
        value: Vec<u8>,
        ttl_ms: u32,
        tags: Vec<String>,
    ) -> Result<(), ToolError>;

    /// Forgets everything with one of these tags and voids open tickets.
    ///
    /// # Errors
    /// `denied` without a grant.
    fn invalidate(&self, tags: Vec<String>) -> Result<(), ToolError>;
}

/// The only way to put a value, got by a miss and good for once. It is void once anything with its tags is
/// invalidated, so that a stale read never gets back in.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket(pub(crate) String);

impl Ticket {
    /// A ticket as a host issues it. For those who implement [`CacheHost`].
    #[must_use]
    pub fn new(ticket: String) -> Self {
        Self(ticket)
    }

    /// The ticket as the host wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The value.
    Hit(Vec<u8>),
    /// Nothing, and the ticket to put what is found elsewhere.
    Miss(Ticket),
}

/// A cache within (tenant, plugin, subject).
///
/// ```
/// use std::time::Duration;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
/// use orderdesk_plugin::{Context, ToolError, cache::Lookup};
///
/// fn rate(context: &Context) -> Result<Vec<u8>, ToolError> {
///     let ticket = match context.cache().get("rate")? {
///         Lookup::Hit(value) => return Ok(value),
///         Lookup::Miss(ticket) => ticket,
///     };
///     let value = b"1.08".to_vec(); // in earnest: a request
///     context.cache().put(ticket, value.clone(), Duration::from_secs(60), ["rates"])?;
///     Ok(value)
/// }
///
/// with_context(&FakeHost::new(), |context| {
///     assert_eq!(rate(context).unwrap(), b"1.08");
///     assert!(matches!(context.cache().get("rate").unwrap(), Lookup::Hit(_)));
///     context.cache().invalidate(["rates"]).unwrap();
///     assert!(matches!(context.cache().get("rate").unwrap(), Lookup::Miss(_)));
/// });
/// ```
pub struct Cache<'a> {
    host: &'a dyn CacheHost,
}

impl<'a> Cache<'a> {
    pub(crate) fn new(host: &'a dyn CacheHost) -> Self {
        Self { host }
    }

    /// The value, or a ticket to put one.
    ///
    /// # Errors
    /// What the host refuses: see [`CacheHost::get`].
    pub fn get(&self, key: &str) -> Result<Lookup, ToolError> {
        self.host.get(key)
    }

    /// Keeps a value for a time. A void ticket stores nothing and is no error.
    ///
    /// # Errors
    /// What the host refuses: see [`CacheHost::put`].
    pub fn put<S: Into<String>>(
        &self,
        ticket: Ticket,
        value: Vec<u8>,
        time_to_live: Duration,
        tags: impl IntoIterator<Item = S>,
    ) -> Result<(), ToolError> {
        let tags = tags.into_iter().map(Into::into).collect();
        self.host
            .put(ticket, value, milliseconds(time_to_live), tags)
    }

    /// Forgets everything with one of these tags and voids open tickets.
    ///
    /// # Errors
    /// What the host refuses: see [`CacheHost::invalidate`].
    pub fn invalidate<S: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = S>,
    ) -> Result<(), ToolError> {
        self.host
            .invalidate(tags.into_iter().map(Into::into).collect())
    }
}
