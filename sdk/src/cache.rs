//! Bytes with a time to live, which may vanish at any time.
//!
//! For what is slow to get and may be a little old: a list of folders, an exchange rate. What must not be lost belongs in
//! [`crate::storage`]. A value is put with the ticket that its miss gave, so that something read before an invalidation cannot
//! be put after it.
//!
//! ```
//! use std::time::Duration;
//! use orderdesk_plugin::cache::Lookup;
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//!
//! if let Lookup::Miss(ticket) = context.cache().get("folders")? {
//!     let folders = b"[\"New\",\"Shipped\"]".to_vec(); // in earnest: a request
//!     context.cache().put(ticket, folders, Duration::from_secs(60), ["folders"])?;
//! }
//! assert!(matches!(context.cache().get("folders")?, Lookup::Hit(_)));
//! # Ok(())
//! # }).unwrap();
//! ```

use std::time::Duration;

use crate::error::ToolError;
use crate::http::milliseconds;

/// What a host does for [`Cache`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::ToolError;
/// use orderdesk_plugin::cache::{CacheHost, Lookup, Ticket};
///
/// /// Keeps nothing: every look-up is a miss.
/// struct Forgetful;
///
/// impl CacheHost for Forgetful {
///     fn get(&self, key: &str) -> Result<Lookup, ToolError> {
///         Ok(Lookup::Miss(Ticket::new(key.to_owned())))
///     }
///     fn put(&self, _: Ticket, _: Vec<u8>, _: u32, _: Vec<String>) -> Result<(), ToolError> {
///         Ok(())
///     }
///     fn invalidate(&self, _: Vec<String>) -> Result<(), ToolError> {
///         Ok(())
///     }
/// }
///
/// assert!(matches!(Forgetful.get("folders"), Ok(Lookup::Miss(_))));
/// ```
pub trait CacheHost {
    /// The value, or a ticket to put one.
    /// See [`CacheHost`]'s example.
    ///
    /// # Errors
    /// `too-large` for a key of more than 4 KiB.
    fn get(&self, key: &str) -> Result<Lookup, ToolError>;

    /// Keeps a value for `ttl_ms` milliseconds. A void ticket stores nothing and is no error.
    /// See [`CacheHost`]'s example.
    ///
    /// # Errors
    /// `too-large` for more than 16 tags. (A value of more than 4 MiB is simply not kept.)
    fn put(
        &self,
        ticket: Ticket,
        value: Vec<u8>,
        ttl_ms: u32,
        tags: Vec<String>,
    ) -> Result<(), ToolError>;

    /// Forgets everything with one of these tags and voids open tickets.
    /// See [`CacheHost`]'s example.
    ///
    /// # Errors
    /// `too-large` for more than 16 tags.
    fn invalidate(&self, tags: Vec<String>) -> Result<(), ToolError>;
}

/// The only way to put a value, got by a miss and good for once. It is void once anything with its tags is
/// invalidated, so that a stale read never gets back in.
///
/// ```
/// use std::time::Duration;
/// use orderdesk_plugin::cache::{Lookup, Ticket};
/// use orderdesk_plugin::{Context, ToolError};
///
/// fn keep(context: &Context, ticket: Ticket, rate: &str) -> Result<(), ToolError> {
///     context.cache().put(ticket, rate.into(), Duration::from_secs(60), ["rates"])
/// }
/// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
///
/// let Lookup::Miss(ticket) = context.cache().get("rate")? else { panic!() };
/// context.cache().invalidate(["rates"])?; // the rates change before ours is put …
/// keep(context, ticket, "1.08")?;
/// assert!(matches!(context.cache().get("rate")?, Lookup::Miss(_))); // … so it is not kept
/// # Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket(pub(crate) String);

impl Ticket {
    /// A ticket as a host issues it. For those who implement [`CacheHost`].
    ///
    /// ```
    /// use orderdesk_plugin::cache::{Lookup, Ticket};
    ///
    /// let miss = Lookup::Miss(Ticket::new("ticket-1".to_owned()));
    /// assert!(matches!(miss, Lookup::Miss(_)));
    /// ```
    #[must_use]
    pub fn new(ticket: String) -> Self {
        Self(ticket)
    }

    /// The ticket as the host wrote it. For those who implement [`CacheHost`].
    ///
    /// ```
    /// use orderdesk_plugin::cache::Ticket;
    ///
    /// assert_eq!(Ticket::new("ticket-1".to_owned()).as_str(), "ticket-1");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a look-up found.
///
/// ```
/// use orderdesk_plugin::cache::Lookup;
/// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
///
/// let folders = match context.cache().get("folders")? {
///     Lookup::Hit(folders) => folders,
///     Lookup::Miss(_) => b"[]".to_vec(), // get them; put them with the ticket
/// };
/// assert_eq!(folders, b"[]");
/// # Ok(())
/// # }).unwrap();
/// ```
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

    /// The value, or a ticket to put one. Tenants, plugins and subjects ([`crate::session::Session::act_on`]) have keys of
    /// their own.
    ///
    /// ```
    /// use orderdesk_plugin::cache::Lookup;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// assert!(matches!(context.cache().get("rate")?, Lookup::Miss(_)));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What the host refuses: see [`CacheHost::get`].
    pub fn get(&self, key: &str) -> Result<Lookup, ToolError> {
        self.host.get(key)
    }

    /// Keeps a value for a time, an hour at most, under the key of the miss that gave the ticket. With a void ticket it stores
    /// nothing, and that is no error.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::cache::Lookup;
    /// # use orderdesk_plugin::testing::FakeHost;
    /// # let host = FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// if let Lookup::Miss(ticket) = context.cache().get("rate")? {
    ///     context.cache().put(ticket, b"1.08".to_vec(), Duration::from_secs(60), ["rates"])?;
    /// }
    /// assert_eq!(context.cache().get("rate")?, Lookup::Hit(b"1.08".to_vec()));
    /// # host.advance(Duration::from_secs(61));
    /// // A minute later:
    /// assert!(matches!(context.cache().get("rate")?, Lookup::Miss(_)));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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

    /// Forgets everything with one of these tags and voids open tickets: call it after each write that makes a cached value wrong.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::cache::Lookup;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// # let Lookup::Miss(ticket) = context.cache().get("folders")? else { panic!() };
    /// # context.cache().put(ticket, b"[]".to_vec(), Duration::from_secs(60), ["folders"])?;
    /// // … a folder was renamed …
    /// context.cache().invalidate(["folders"])?;
    /// assert!(matches!(context.cache().get("folders")?, Lookup::Miss(_)));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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
