//! Faults that tests put in the way of requests (order-desk-api.md §11.19, §11 "worth adding"). None is there
//! unless a test asks for it.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::locking::lock;
use crate::order::Order;

type Edit = Arc<Mutex<dyn FnMut(&mut Order, Timestamp) + Send>>;

/// What a fault does.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Answers this instead.
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Bytes,
    },
    /// Answers JSON of this many bytes, in chunks.
    SizedBody(u64),
    /// Answers an error envelope.
    ErrorEnvelope {
        status: u16,
        message: String,
        retry_after: Option<u64>,
    },
    /// Waits for the handle's release.
    Hold,
    /// Closes the connection without a reply.
    Disconnect,
    /// Serves the request, then changes the order that its path names.
    Edit(Edit),
}

/// Something that goes wrong for a chosen request. By default it meets the next request of any kind, once.
///
/// ```
/// use orderdesk_simulator::Fault;
/// let fault = Fault::status(503).on("PUT", "/orders/*").nth(2);
/// ```
pub struct Fault {
    method: Option<String>,
    path: Option<String>,
    store_id: Option<u64>,
    nth: usize,
    times: usize,
    seen: usize,
    after_commit: bool,
    kind: Kind,
    handle: FaultHandle,
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self {
            method: None,
            path: None,
            store_id: None,
            nth: 1,
            times: 1,
            seen: 0,
            after_commit: false,
            kind,
            handle: FaultHandle::new(),
        }
    }

    /// Answers this HTTP status with an error envelope, for example 500 or 503.
    pub fn status(status: u16) -> Self {
        Self::new(Kind::ErrorEnvelope {
            status,
            message: format!("Injected {status}"),
            retry_after: None,
        })
    }

    /// Answers 429, with `X-Retry-After` in seconds if given (§8.1).
    pub fn throttled(retry_after: Option<u64>) -> Self {
        Self::new(Kind::ErrorEnvelope {
            status: 429,
            message: "Too Many Requests".to_owned(),
            retry_after,
        })
    }

    /// Answers 409, which the real service is not known to do (§8.4).
    pub fn conflict() -> Self {
        Self::new(Kind::ErrorEnvelope {
            status: 409,
            message: "Order Changed".to_owned(),
            retry_after: None,
        })
    }

    /// Answers 200 with an HTML page instead of JSON (§1.1).
    pub fn not_json() -> Self {
        let page = "<!DOCTYPE html><html><body><h1>Scheduled maintenance</h1></body></html>";
        Self::answer(200, &[("content-type", "text/html; charset=utf-8")], page)
    }

    /// Answers exactly this: for redirects, compressed bodies, broken headers, and the like.
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::new(Kind::Answer {
            status,
            headers,
            body: body.into(),
        })
    }

    /// Answers a well-formed success of exactly `bytes` bytes (at least 33), in chunks and without a content
    /// length.
    pub fn sized_body(bytes: u64) -> Self {
        Self::new(Kind::SizedBody(bytes))
    }

    /// Keeps the request waiting before anything is done. [`FaultHandle::release`] lets it go on; it is carried
    /// out even if the client has left meanwhile.
    pub fn hold() -> (Self, FaultHandle) {
        let fault = Self::new(Kind::Hold);
        let handle = fault.handle.clone();
        (fault, handle)
    }

    /// Carries the request out, then keeps its reply waiting for [`FaultHandle::release`].
    pub fn hold_after_commit() -> (Self, FaultHandle) {
        let (fault, handle) = Self::hold();
        (fault.after_commit(), handle)
    }

    /// Never answers and does nothing.
    pub fn hang() -> Self {
        Self::new(Kind::Hold)
    }

    /// Carries the request out and never answers: a time-out after the commit.
    pub fn hang_after_commit() -> Self {
        Self::hang().after_commit()
    }

    /// Closes the connection without a reply and does nothing.
    pub fn disconnect() -> Self {
        Self::new(Kind::Disconnect)
    }

    /// Carries the request out, then closes the connection without a reply.
    pub fn disconnect_after_commit() -> Self {
        Self::disconnect().after_commit()
    }

    /// Serves the next `GET /orders/{id}`, then changes that order: somebody edits it between a client's GET and
    /// its PUT.
    pub fn edit_after_get(edit: impl FnMut(&mut Order, Timestamp) + Send + 'static) -> Self {
        Self::new(Kind::Edit(Arc::new(Mutex::new(edit)))).on("GET", "/orders/*")
    }

    /// As [`Fault::edit_after_get`], with an RFC 7396 merge patch.
    pub fn patch_after_get(patch: Value) -> Self {
        Self::edit_after_get(move |order, now| order.edit(&patch, now))
    }

    /// Meets only this method on paths like this: `*` stands for one segment, `**` for the rest. Paths are those
    /// below `/api/v2`.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// Meets only requests of this store.
    #[must_use]
    pub fn for_store(mut self, store_id: u64) -> Self {
        self.store_id = Some(store_id);
        self
    }

    /// Lets `nth - 1` matching requests pass first.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.nth = nth;
        self
    }

    /// Meets this many requests in a row instead of one.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Meets every matching request until cancelled.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Carries the request out before the fault strikes.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        self.after_commit = true;
        self
    }

    fn matches(&self, method: &str, path: &str, store_id: u64) -> bool {
        self.method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.store_id.is_none_or(|wanted| wanted == store_id)
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| path_matches(pattern, path))
    }

    fn is_spent(&self) -> bool {
        self.seen >= self.nth.saturating_sub(1).saturating_add(self.times)
            || *self.handle.cancelled.borrow()
    }
}

/// Follows one fault, and lets a held request go. Clones follow the same fault.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    hits: Arc<watch::Sender<usize>>,
    released: Arc<watch::Sender<bool>>,
    cancelled: Arc<watch::Sender<bool>>,
}

impl FaultHandle {
    fn new() -> Self {
        Self {
            hits: Arc::new(watch::Sender::new(0)),
            released: Arc::new(watch::Sender::new(false)),
            cancelled: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Waits until the fault has met a request (after its commit, where the fault comes after it).
    pub async fn arrived(&self) {
        self.arrived_times(1).await;
    }

    /// Waits until the fault has met this many requests.
    pub async fn arrived_times(&self, times: usize) {
        // The sender lives in `self`, so the channel cannot be closed here.
        let _ = self.hits.subscribe().wait_for(|hits| *hits >= times).await;
    }

    /// How many requests the fault has met.
    pub fn hits(&self) -> usize {
        *self.hits.borrow()
    }

    /// Lets all requests go that the fault holds, now and later.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Takes the fault out of the queue. Requests that it holds stay held.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    pub(crate) fn hit(&self) {
        self.hits.send_modify(|hits| *hits += 1);
    }

    pub(crate) async fn released(&self) {
        // As above.
        let _ = self
            .released
            .subscribe()
            .wait_for(|released| *released)
            .await;
    }
}

/// A fault that has met a request.
pub(crate) struct Triggered {
    pub(crate) kind: Kind,
    pub(crate) after_commit: bool,
    pub(crate) handle: FaultHandle,
}

/// The faults that wait for their request, first come first served: of several that match, the first one strikes
/// and the others do not see the request.
#[derive(Default)]
pub(crate) struct FaultQueue {
    faults: Mutex<Vec<Fault>>,
}

impl FaultQueue {
    pub(crate) fn push(&self, fault: Fault) -> FaultHandle {
        let handle = fault.handle.clone();
        lock(&self.faults).push(fault);
        handle
    }

    pub(crate) fn clear(&self) {
        lock(&self.faults).clear();
    }

    pub(crate) fn take(&self, method: &str, path: &str, store_id: u64) -> Option<Triggered> {
        let mut faults = lock(&self.faults);
        faults.retain(|fault| !fault.is_spent());
        for fault in faults
            .iter_mut()
            .filter(|fault| fault.matches(method, path, store_id))
        {
            fault.seen += 1;
            if fault.seen >= fault.nth {
                return Some(Triggered {
                    kind: fault.kind.clone(),
                    after_commit: fault.after_commit,
                    handle: fault.handle.clone(),
                });
            }
        }
        None
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.trim_matches('/').split('/');
    let mut given = path.trim_matches('/').split('/');
    loop {
        match (wanted.next(), given.next()) {
            (Some("**"), _) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(left), Some(right)) if left == right => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn path_patterns_match_segment_by_segment() {
        for (pattern, path, expected) in [
            ("/orders", "/orders", true),
            ("/orders", "/orders/1", false),
            ("/orders/*", "/orders/1", true),
            ("/orders/*", "/orders", false),
            ("/orders/*", "/orders/1/shipments", false),
            ("/orders/*/shipments", "/orders/1/shipments", true),
            ("/orders/**", "/orders/1/shipments", true),
            ("/orders/**", "/orders", true),
            ("/**", "/test", true),
        ] {
            assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
