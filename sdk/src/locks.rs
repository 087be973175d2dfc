//! Serialises work on one thing across agents, processes and instances.

use std::time::Duration;

use crate::error::ToolError;
use crate::host::Current;
use crate::http::milliseconds;

/// What a host does for [`Locks`].
pub trait LocksHost {
    /// Waits up to `wait_ms` for the lock, which then lasts `lease_ms`, and at the latest until the call ends.
    ///
    /// # Errors
    /// `conflict` when the wait was too short.
    fn acquire(&self, name: &str, wait_ms: u32, lease_ms: u32) -> Result<String, ToolError>;

    /// Gives the lock back.
    ///
    /// # Errors
    /// `not-found` for a lock that has ended.
    fn release(&self, lock: &str) -> Result<(), ToolError>;

    /// Leaves the lock behind for `for_ms`, at most a minute, whenever the call ends.
    ///
    /// # Errors
    /// `conflict` for a lock that has ended.
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
    /// # Errors
    /// `conflict` when the wait was too short, with code `lock-kept` where an earlier call left the lock behind
    /// ([`Lock::keep`]).
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
#[must_use = "the lock is released as soon as this is dropped"]
pub struct Lock {
    id: String,
    host: Current,
    held: bool,
}

impl Lock {
    /// The lock's id, for [`crate::http::Request::lock`].
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Releases the lock, and tells if that failed.
    ///
    /// # Errors
    /// `not-found` if the lease had ended before: the work was not protected to its end.
    pub fn release(mut self) -> Result<(), ToolError> {
        self.held = false;
        self.host.release(&self.id)
    }

    /// Leaves the lock behind for `time`, at most a minute, even after the call: nobody works on this thing until that ends,
    /// and who tries hears `lock-kept`. For a write of unknown outcome.
    ///
    /// # Errors
    /// `conflict` if the lease had ended before.
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
