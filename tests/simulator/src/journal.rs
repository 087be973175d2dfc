//! What was asked of the simulator, in order of arrival, for tests to look at.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::locking::lock;

/// One request as it arrived, and the status that it got.
///
/// It holds all headers, the API key among them: for tests, not for logs.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// When it arrived, on the simulator's clock.
    pub at: Timestamp,
    /// `ORDERDESK-STORE-ID` as sent, whether right or wrong.
    pub store_id: Option<String>,
    /// The method, after `X-HTTP-Method-Override`.
    pub method: String,
    /// The path below `/api/v2`, like `/orders/12`; other paths in full.
    pub path: String,
    /// Query parameters in the order of the URL, decoded.
    pub query: Vec<(String, String)>,
    /// All request headers.
    pub headers: HeaderMap,
    /// The body, empty when there was none.
    pub body: Bytes,
    /// HTTP status of the reply; `None` while it is under way, and for good when the connection was dropped.
    pub status: Option<u16>,
}

impl RecordedRequest {
    /// The body as JSON, if it is any.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The latest requests since the start or the last [`Journal::clear`].
#[derive(Debug)]
pub(crate) struct Journal {
    pages: Mutex<Pages>,
    capacity: usize,
    changed: watch::Sender<()>,
}

/// Names an entry of the journal by how many were recorded before it, forgotten ones included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(usize);

#[derive(Debug, Default)]
struct Pages {
    requests: VecDeque<RecordedRequest>,
    /// How many were recorded before the first of them.
    forgotten: usize,
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            pages: Mutex::new(Pages::default()),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn record(&self, request: RecordedRequest) -> Entry {
        let mut pages = self.lock();
        let entry = Entry(pages.forgotten + pages.requests.len());
        pages.requests.push_back(request);
        while pages.requests.len() > self.capacity {
            pages.requests.pop_front();
            pages.forgotten += 1;
        }
        drop(pages);
        self.changed.send_replace(());
        entry
    }

    pub(crate) fn answered(&self, entry: Entry, status: u16) {
        let mut pages = self.lock();
        let index = entry.0.checked_sub(pages.forgotten);
        if let Some(request) = index.and_then(|index| pages.requests.get_mut(index)) {
            request.status = Some(status);
        }
        drop(pages);
        self.changed.send_replace(());
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn count(&self, method: &str, path_prefix: &str) -> usize {
        let counted = |request: &&RecordedRequest| {
            request.method.eq_ignore_ascii_case(method) && request.path.starts_with(path_prefix)
        };
        self.lock().requests.iter().filter(counted).count()
    }

    /// Waits until at least `count` requests of that kind have arrived.
    pub(crate) async fn wait_for(&self, method: &str, path_prefix: &str, count: usize) {
        let mut changed = self.changed.subscribe();
        while self.count(method, path_prefix) < count {
            // The sender lives in `self`, so the channel cannot be closed here.
            let _ = changed.changed().await;
        }
    }

    pub(crate) fn clear(&self) {
        let mut pages = self.lock();
        pages.forgotten += pages.requests.len();
        pages.requests.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        lock(&self.pages)
    }
}
