//! A server, and a call with everything that it brings along.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request as Incoming;
use axum::response::{IntoResponse, Response as Reply};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;
use zeroize::Zeroizing;

use super::super::*;

/// An API key as a service hands them out.
pub(super) const KEY: &str = "k3y/With+Sl4shes&more";

/// What arrived at the server.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Arrival {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }
}

type Arrivals = Arc<Mutex<Vec<Arrival>>>;

/// A real HTTP server whose answers a test gives.
pub(super) struct Upstream {
    pub(super) base: Url,
    arrivals: Arrivals,
}

impl Upstream {
    /// Answers each arrival with what `answer` makes of it.
    pub(super) async fn answering<F, R>(answer: F) -> Self
    where
        F: Fn(Arrival) -> R + Clone + Send + Sync + 'static,
        R: Future<Output: IntoResponse> + Send,
    {
        let arrivals = Arrivals::default();
        let log = Arc::clone(&arrivals);
        let router = Router::new().fallback(move |incoming: Incoming| {
            let (log, answer) = (Arc::clone(&log), answer.clone());
            async move {
                let arrival = received(incoming).await;
                log.lock().unwrap().push(arrival.clone());
                answer(arrival).await.into_response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/api/v2", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            base: base.parse().unwrap(),
            arrivals,
        }
    }

    /// Answers everything with this text.
    pub(super) async fn saying(text: &'static str) -> Self {
        Self::answering(move |_| async move { text }).await
    }

    /// Answers with these, one after the other.
    pub(super) async fn in_turn(answers: impl IntoIterator<Item = Reply>) -> Self {
        let answers: Arc<Mutex<VecDeque<Reply>>> =
            Arc::new(Mutex::new(answers.into_iter().collect()));
        Self::answering(move |_| {
            let next = answers.lock().unwrap().pop_front().expect("no answer left");
            async move { next }
        })
        .await
    }

    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.arrivals()
            .into_iter()
            .map(|arrival| arrival.line)
            .collect()
    }

    pub(super) fn settings(&self) -> EndpointSettings {
        EndpointSettings {
            headers: vec!["Content-Type".into(), "shop-id".into()],
            sealed_headers: vec!["shop-key".into(), "authorization".into()],
            backoff: Duration::from_millis(1),
            ..EndpointSettings::new(self.base.clone())
        }
    }
}

async fn received(incoming: Incoming) -> Arrival {
    let (parts, body) = incoming.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    Arrival {
        line: format!("{} {}", parts.method, parts.uri),
        headers,
        body: axum::body::to_bytes(body, usize::MAX).await.unwrap(),
    }
}

/// Holds a server's answers back until the test lets them go.
#[derive(Clone)]
pub(super) struct Gate {
    arrived: Arc<Semaphore>,
    released: Arc<Semaphore>,
    gone: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            arrived: none(),
            released: none(),
            gone: none(),
        }
    }

    /// For the server: says that somebody is here and waits. Tells when the one who asked went away instead.
    pub(super) async fn pass(self) {
        struct Gone(Option<Arc<Semaphore>>);
        impl Drop for Gone {
            fn drop(&mut self) {
                if let Some(gone) = &self.0 {
                    gone.add_permits(1);
                }
            }
        }
        let mut gone = Gone(Some(Arc::clone(&self.gone)));
        self.arrived.add_permits(1);
        self.released.acquire().await.unwrap().forget();
        gone.0 = None;
    }

    pub(super) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    pub(super) async fn departure(&self) {
        self.gone.acquire().await.unwrap().forget();
    }

    pub(super) fn release(&self, many: usize) {
        self.released.add_permits(many);
    }
}

/// Buckets in memory that never refill by themselves.
#[derive(Default)]
pub(super) struct Buckets {
    pub(super) refusals: Mutex<VecDeque<Duration>>,
    pub(super) taken: Mutex<Vec<(String, u32)>>,
    pub(super) observed: Mutex<Vec<(String, u32)>>,
    pub(super) blocked: Mutex<Vec<(String, Duration)>>,
}

#[async_trait]
impl TokenBuckets for Buckets {
    async fn take(&self, bucket: &str, _rate: Rate, tokens: u32) -> Result<Take, HttpError> {
        if let Some(wait) = self.refusals.lock().unwrap().pop_front() {
            return Ok(Take::RetryAfter(wait));
        }
        self.taken.lock().unwrap().push((bucket.to_owned(), tokens));
        Ok(Take::Taken)
    }

    async fn observed(&self, bucket: &str, _rate: Rate, remaining: u32) {
        self.observed
            .lock()
            .unwrap()
            .push((bucket.to_owned(), remaining));
    }

    async fn blocked(&self, bucket: &str, pause: Duration) {
        self.blocked
            .lock()
            .unwrap()
            .push((bucket.to_owned(), pause));
    }
}

/// Secrets by handle: `(id, plaintext)`.
#[derive(Default)]
pub(super) struct Secrets {
    pub(super) known: HashMap<String, (String, String)>,
    pub(super) opened: Mutex<Vec<(String, String, String)>>,
}

#[async_trait]
impl SecretOpener for Secrets {
    async fn open(
        &self,
        handle: &str,
        endpoint: &str,
        origin: &str,
    ) -> Result<OpenedSecret, HttpError> {
        self.opened
            .lock()
            .unwrap()
            .push((handle.into(), endpoint.into(), origin.into()));
        let (id, plaintext) = self.known.get(handle).ok_or_else(|| {
            HttpError::new(
                ErrorKind::Denied,
                "secret-not-usable",
                "The secret may not be used here.",
            )
        })?;
        Ok(OpenedSecret {
            id: id.clone(),
            plaintext: Zeroizing::new(plaintext.clone().into_bytes()),
        })
    }
}

/// Leases that stay as long as they are.
#[derive(Default)]
pub(super) struct Leases(pub(super) HashMap<String, Duration>);

#[async_trait]
impl LockLease for Leases {
    async fn lease_left(&self, lock: &str) -> Option<Duration> {
        self.0.get(lock).copied()
    }
}

/// A call of the plugin `orders`, which may do anything at the endpoint `shop` and has the key `key`.
pub(super) struct Call {
    pub(super) plugin: &'static str,
    pub(super) grants: Vec<HttpGrant>,
    pub(super) read_only: bool,
    pub(super) secrets: Secrets,
    pub(super) locks: Leases,
    pub(super) deadline: Instant,
    pub(super) cancelled: CancellationToken,
    pub(super) budget: ResponseBudget,
}

impl Call {
    pub(super) fn new() -> Self {
        let mut secrets = Secrets::default();
        secrets
            .known
            .insert("key".into(), ("secret-1".into(), KEY.into()));
        Self {
            plugin: "orders",
            grants: vec![grant(
                "shop",
                &[
                    "GET /**",
                    "HEAD /**",
                    "POST /**",
                    "PUT /**",
                    "PATCH /**",
                    "DELETE /**",
                ],
            )],
            read_only: false,
            secrets,
            locks: Leases::default(),
            deadline: Instant::now() + Duration::from_secs(60),
            cancelled: CancellationToken::new(),
            budget: ResponseBudget::new(64 << 20, 100),
        }
    }

    pub(super) fn scope(&self) -> CallScope<'_> {
        CallScope {
            tenant: "tenant-1",
            plugin: self.plugin,
            grants: &self.grants,
            read_only: self.read_only,
            secrets: &self.secrets,
            locks: &self.locks,
            deadline: self.deadline,
            cancelled: &self.cancelled,
            correlation_id: "c-1",
            budget: &self.budget,
        }
    }
}

pub(super) fn grant(endpoint: &str, allow: &[&str]) -> HttpGrant {
    HttpGrant {
        endpoint: endpoint.to_owned(),
        allow: allow
            .iter()
            .map(|pattern| pattern.parse().unwrap())
            .collect(),
    }
}

/// The capability with one endpoint, `shop`, and the buckets behind it.
pub(super) fn capability(settings: EndpointSettings) -> (HttpCapability, Arc<Buckets>) {
    let buckets = Arc::new(Buckets::default());
    let endpoints = HashMap::from([("shop".to_owned(), settings)]);
    let capability =
        HttpCapability::new(endpoints, Arc::<Buckets>::clone(&buckets), Arc::default()).unwrap();
    (capability, buckets)
}

pub(super) fn get(path: &str) -> Request {
    asking(Method::Get, path)
}

pub(super) fn asking(method: Method, path: &str) -> Request {
    Request::new(
        "shop",
        method,
        path.split('/').filter(|part| !part.is_empty()),
    )
}

/// A read that may be repeated and shared.
pub(super) fn safe_get(path: &str) -> Request {
    Request {
        safe_to_repeat: true,
        ..get(path)
    }
}

/// The same request with the call's key.
pub(super) fn with_key(mut request: Request) -> Request {
    let value = HeaderValue::Sealed {
        prefix: String::new(),
        handle: "key".into(),
    };
    request.headers.push(("shop-key".into(), value));
    request
}

pub(super) fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

/// Counts, for handlers.
#[derive(Default, Clone)]
pub(super) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(super) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Twenty at once, three a second.
pub(super) const TWENTY_AND_THREE: Rate = Rate {
    burst: NonZeroU32::new(20).unwrap(),
    per_second: NonZeroU32::new(3).unwrap(),
};
