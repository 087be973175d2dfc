//! What a call brings along: who asks, what it may do, what it has left, and where secrets, tokens and leases come from.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{ErrorKind, HttpError, HttpGrant, Rate};

/// What a bucket answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The tokens are taken.
    Taken,
    /// None was taken; asking again is worth while after this.
    RetryAfter(Duration),
}

/// The buckets towards endpoints, shared by every process that uses the same data directory.
#[async_trait]
pub trait TokenBuckets: Send + Sync {
    /// Takes `tokens` at once, or none.
    async fn take(&self, bucket: &str, rate: Rate, tokens: u32) -> Result<Take, HttpError>;
    /// The service says that this many are left.
    async fn observed(&self, bucket: &str, rate: Rate, remaining: u32);
    /// The service refused: no token before this time is over.
    async fn blocked(&self, bucket: &str, pause: Duration);
}

/// A secret in clear, for one request.
pub struct OpenedSecret {
    /// The secret; visible ASCII where it is to be a header.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The secret's own id, the same for every handle to it: token buckets and shared flights hang on it.
    pub id: String,
}

impl fmt::Debug for OpenedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedSecret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Opens sealed secrets.
#[async_trait]
pub trait SecretOpener: Send + Sync {
    /// The secret behind `handle`, if this call may use it at `endpoint`, whose base has `origin`.
    async fn open(
        &self,
        handle: &str,
        endpoint: &str,
        origin: &str,
    ) -> Result<OpenedSecret, HttpError>;
}

/// Knows how long locks are still held.
#[async_trait]
pub trait LockLease: Send + Sync {
    /// What is left of the lease, or `None` when this call does not hold the lock.
    async fn lease_left(&self, lock: &str) -> Option<Duration>;
}

/// One call, as far as HTTP is concerned.
pub struct CallScope<'a> {
    /// The tenant's id.
    pub tenant: &'a str,
    /// The plugin's name in the config.
    pub plugin: &'a str,
    /// What the plugin may ask of endpoints.
    pub grants: &'a [HttpGrant],
    /// Only `GET` and `HEAD`.
    pub read_only: bool,
    /// Where handles become secrets.
    pub secrets: &'a dyn SecretOpener,
    /// Where leases are known.
    pub locks: &'a dyn LockLease,
    /// When the call ends.
    pub deadline: Instant,
    /// The caller gave up, or the server stops.
    pub cancelled: &'a CancellationToken,
    /// On every log line of the call.
    pub correlation_id: &'a str,
    /// What the call may still use.
    pub budget: &'a ResponseBudget,
}

/// What one call may still ask and receive, and the tokens it paid for in advance.
#[derive(Debug)]
pub struct ResponseBudget {
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    bytes: usize,
    requests: u32,
    prepaid: HashMap<String, u32>,
}

impl ResponseBudget {
    /// A budget of `bytes` of answers (decompressed, all together) and `requests` sent by the plugin. Repetitions by the host do
    /// not count as requests.
    pub fn new(bytes: usize, requests: u32) -> Self {
        Self {
            left: Mutex::new(Left {
                bytes,
                requests,
                prepaid: HashMap::new(),
            }),
        }
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that may still be sent.
    pub fn requests_left(&self) -> u32 {
        self.left().requests
    }

    /// Bytes that answers may still have.
    pub(super) fn bytes_left(&self) -> usize {
        self.left().bytes
    }

    /// Counts one request of `plugin`.
    pub(super) fn take_request(&self, plugin: &str) -> Result<(), HttpError> {
        let mut left = self.left();
        match left.requests.checked_sub(1) {
            Some(requests) => {
                left.requests = requests;
                Ok(())
            }
            None => Err(HttpError::new(
                ErrorKind::TooLarge,
                "too-many-requests-in-call",
                format!(
                    "This call has sent as many HTTP requests as it may (plugins.{plugin}.limits.http_requests). Ask for less at once."
                ),
            )),
        }
    }

    /// Counts `bytes` received. Where they do not fit, nothing is left.
    pub(super) fn take_bytes(&self, bytes: usize) {
        let mut left = self.left();
        left.bytes = left.bytes.saturating_sub(bytes);
    }

    /// Whether tokens were taken in advance.
    pub(super) fn has_prepaid(&self, bucket: &str) -> bool {
        self.left()
            .prepaid
            .get(bucket)
            .is_some_and(|tokens| *tokens > 0)
    }

    /// Uses up to `wanted` tokens that were taken in advance, and says how many.
    pub(super) fn use_prepaid(&self, bucket: &str, wanted: u32) -> u32 {
        let mut left = self.left();
        let Some(tokens) = left.prepaid.get_mut(bucket) else {
            return 0;
        };
        let used = wanted.min(*tokens);
        *tokens -= used;
        used
    }

    /// Keeps tokens for the requests that follow.
    pub(super) fn prepay(&self, bucket: &str, tokens: u32) {
        if tokens > 0 {
            let mut left = self.left();
            let kept = left.prepaid.entry(bucket.to_owned()).or_default();
            *kept = kept.saturating_add(tokens);
        }
    }
}
