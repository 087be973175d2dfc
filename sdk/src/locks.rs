//! One at a time: serialises work on one thing across agents, processes and instances.
//!
//! For what reads, decides and writes where two calls at once would undo each other's work, such as changing an order. For a
//! stored document alone, [`crate::storage::Write::if_version`] does without a lock. Needs the grant `locks`.
//!
//! ```
//! use std::time::Duration;
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//!
//! let lock = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30))?;
//! // … read the order, change it, write it …
//! lock.release()?;
//! # Ok(())
//! # }).unwrap();
//! ```

use std::time::Duration;

use crate::error::ToolError;
use crate::host::Current;
use crate::http::milliseconds;

/// What a host does for [`Locks`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::ToolError;
/// use orderdesk_plugin::locks::LocksHost;
///
/// /// Somebody else always has the lock.
/// struct Busy;
///
/// impl LocksHost for Busy {
///     fn acquire(&self, name: &str, _: u32, _: u32) -> Result<String, ToolError> {
///         Err(ToolError::conflict("locked", format!("Another call holds the lock {name}.")))
///     }
///     fn release(&self, _: &str) -> Result<(), ToolError> {
///         Err(ToolError::conflict("lock-not-held", "No lock was held."))
///     }
///     fn keep(&self, _: &str, _: u32) -> Result<(), ToolError> {
///         Err(ToolError::conflict("lock-not-held", "No lock was held."))
///     }
/// }
///
/// assert!(Busy.acquire("order-17", 5_000, 30_000).is_err());
/// ```
pub trait LocksHost {
    /// Waits up to `wait_ms` for the lock, which then lasts `lease_ms`, and at the latest until the call ends.
    /// See [`LocksHost`]'s example.
    ///
    /// # Errors
    /// `conflict` when the wait was too short; `denied` without a grant.
    fn acquire(&self, name: &str, wait_ms: u32, lease_ms: u32) -> Result<String, ToolError>;

    /// Gives the lock back.
    /// See [`LocksHost`]'s example.
    ///
    /// # Errors
    /// A lock that has ended.
    fn release(&self, lock: &str) -> Result<(), ToolError>;

    /// Leaves the lock behind for `for_ms`, at most a minute, whenever the call ends.
    /// See [`LocksHost`]'s example.
    ///
    /// # Errors
    /// `conflict` for a lock that has ended; `denied` where the call may only read.
    fn keep(&self, lock: &str, for_ms: u32) -> Result<(), ToolError>;
}

/// Locks within (tenant, plugin).
///
/// ```
/// use std::time::Duration;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
/// use orderdesk_plugin::{Context, ToolError};
///
/// fn alone(context: &Context) -> Result<(), ToolError> {
///     let lock = context.locks().acquire("page-17", Duration::from_secs(5), Duration::from_secs(30))?;
///     // … read, change, write: nobody else does, in any process …
///     lock.release()
/// }
///
/// with_context(&FakeHost::new(), |context| alone(context).unwrap());
/// ```
pub struct Locks<'a> {
    host: &'a Current,
}

impl<'a> Locks<'a> {
    pub(crate) fn new(host: &'a Current) -> Self {
        Self { host }
    }

    /// Waits up to `wait` for the lock of this name, which then lasts `lease`, and at the latest until the call ends.
    /// It is released when the value is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::{ErrorKind, testing::FakeHost};
    ///
    /// let host = FakeHost::new();
    /// host.hold_lock("plugin", "order-17", Duration::from_secs(60)); // another call has it
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let refused = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30));
    /// assert_eq!(refused.err().map(|error| error.kind), Some(ErrorKind::Conflict));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `conflict` when the wait was too short, with code `lock-kept` where an earlier call left the lock behind
    /// ([`Lock::keep`]); `denied` without a grant.
    pub fn acquire(&self, name: &str, wait: Duration, lease: Duration) -> Result<Lock, ToolError> {
        let id = self
            .host
            .acquire(name, milliseconds(wait), milliseconds(lease))?;
        Ok(Lock {
            id,
            host: self.host.clone(),
            held: true,
        })
    }
}

/// A lock that is held. Dropping it releases it.
///
/// ```
/// use std::time::Duration;
/// use orderdesk_plugin::locks::Lock;
/// use orderdesk_plugin::{Context, ToolError, testing::FakeHost};
///
/// fn lock(context: &Context, order: &str) -> Result<Lock, ToolError> {
///     context.locks().acquire(&format!("order-{order}"), Duration::from_secs(5), Duration::from_secs(30))
/// }
/// # let host = FakeHost::new();
/// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
///
/// let held = lock(context, "17")?;
/// assert_eq!(host.locks_held("plugin"), ["order-17"]);
/// drop(held); // as an early return with `?` does
/// assert!(host.locks_held("plugin").is_empty());
/// # Ok(())
/// # }).unwrap();
/// ```
#[must_use = "the lock is released as soon as this is dropped"]
pub struct Lock {
    id: String,
    host: Current,
    held: bool,
}

impl Lock {
    /// The lock's id, as it stands in [`crate::http::Request::lock`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::http::Request;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let lock = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30))?;
    /// let request = Request::put("shop").under_lock(&lock);
    /// assert_eq!(request.lock.as_deref(), Some(lock.id()));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Releases the lock, and tells if that failed.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use orderdesk_plugin::testing::FakeHost;
    /// # let host = FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let lock = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30))?;
    /// # host.advance(Duration::from_secs(31));
    /// // … the work takes 31 seconds …
    /// assert!(lock.release().is_err()); // somebody else may have worked on the order at the same time
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The lease had ended before: the work was not protected to its end.
    pub fn release(mut self) -> Result<(), ToolError> {
        self.held = false;
        self.host.release(&self.id)
    }

    /// Leaves the lock behind for `time`, at most a minute, even after the call: nobody works on this thing until that ends,
    /// and who tries hears `lock-kept`. For a write of unknown outcome.
    ///
    /// ```
    /// use std::time::Duration;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let lock = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30))?;
    /// // … the write timed out: perhaps the order was changed, perhaps not …
    /// lock.keep(Duration::from_secs(20))?;
    /// let next = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30));
    /// assert!(next.is_err_and(|error| error.has_code("lock-kept")));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `conflict` if the lease had ended before; `denied` where the call may only read.
    pub fn keep(mut self, time: Duration) -> Result<(), ToolError> {
        self.held = false;
        self.host.keep(&self.id, milliseconds(time))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.held {
            // Nobody is left to hear of a failure, and the lease ends by itself.
            drop(self.host.release(&self.id));
        }
    }
}
