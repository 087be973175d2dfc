//! Starting, steering and stopping a simulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::serve::ListenerExt;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::faults::{Fault, FaultHandle, FaultQueue};
use crate::journal::{Journal, RecordedRequest};
use crate::locking::lock;
use crate::pipeline::{self, Pipeline};
use crate::rate::{RateLimit, RateLimiter};
use crate::routes::{self, BASE_PATH};
use crate::sample;
use crate::store::Store;
use crate::toggles::Toggles;
use crate::webhook::{self, Delivery, WebhookError};
use crate::world::World;

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// Where to listen; the default is a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// The stores that it serves.
    pub stores: Vec<Store>,
    /// Its time.
    pub clock: Clock,
    /// Its answers to what nobody knows.
    pub toggles: Toggles,
    /// The rate limit; `None` lets everything pass.
    pub rate: Option<RateLimit>,
    /// Whether `GET /api/v2/echo` exists, which hands request headers back in several encodings. Only for proving
    /// that a host conceals its secrets.
    pub echo: bool,
    /// How many requests the journal keeps; older ones are forgotten. Default 10,000.
    pub keep_requests: usize,
}

impl SimulatorConfig {
    /// A simulator with these stores and otherwise defaults.
    pub fn with_stores(stores: Vec<Store>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            stores,
            clock: Clock::System,
            toggles: Toggles::default(),
            rate: Some(RateLimit::default()),
            echo: false,
            keep_requests: 10_000,
        }
    }

    /// A simulator with both sample stores, which depend on nothing but `seed` and the clock's present moment.
    pub fn sample(seed: u64, clock: Clock) -> Self {
        let now = clock.now();
        Self {
            clock,
            ..Self::with_stores(sample::stores(seed, now))
        }
    }
}

/// A simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address or port 0")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running simulator. Dropping it stops it.
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts a simulator on the current Tokio runtime.
    ///
    /// # Errors
    /// When its address cannot be listened on.
    pub async fn start(config: SimulatorConfig) -> Result<Self, StartError> {
        let address = config.listen;
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let world = Arc::new(World {
            clock: config.clock,
            journal: Journal::new(config.keep_requests),
            faults: FaultQueue::default(),
            closing: CancellationToken::new(),
            toggles: Mutex::new(config.toggles),
            latency: Mutex::default(),
            rate: Mutex::new(RateLimiter::new(config.rate)),
            stores: Mutex::new(
                config
                    .stores
                    .into_iter()
                    .map(|store| (store.id(), store))
                    .collect(),
            ),
        });
        let routes = routes::router(Arc::clone(&world), config.echo);
        let service = pipeline::router(Pipeline {
            world: Arc::clone(&world),
            routes,
        });
        // Replies are small and latency is measured against this server.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let closing = world.closing.clone();
        let server =
            axum::serve(listener, service).with_graceful_shutdown(closing.cancelled_owned());
        let server = tokio::spawn(async move {
            // axum::serve retries failing accepts by itself and never returns an error.
            let _ = server.await;
        });
        Ok(Self {
            world,
            address,
            server: Some(server),
        })
    }

    /// The API's base URL, like `http://127.0.0.1:40123/api/v2`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its present moment.
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// The requests since the start or the last [`Simulator::clear_requests`], in order of arrival. Of very many,
    /// the latest: see [`SimulatorConfig::keep_requests`].
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.world.journal.requests()
    }

    /// How many requests had this method and a path that starts like this. Paths are those below `/api/v2`.
    pub fn count(&self, method: &str, path_prefix: &str) -> usize {
        self.world.journal.count(method, path_prefix)
    }

    /// Waits until at least `count` such requests have arrived.
    pub async fn wait_for_requests(&self, method: &str, path_prefix: &str, count: usize) {
        self.world
            .journal
            .wait_for(method, path_prefix, count)
            .await;
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.world.journal.clear();
    }

    /// Reads or changes a store behind the API's back. No request is served meanwhile. `None` without such a store.
    pub fn with_store<R>(&self, store_id: u64, look: impl FnOnce(&mut Store) -> R) -> Option<R> {
        lock(&self.world.stores).get_mut(&store_id).map(look)
    }

    /// Ids, keys and names of all stores.
    pub fn stores(&self) -> Vec<(u64, String, String)> {
        let describe = |store: &Store| {
            (
                store.id(),
                store.api_key().to_owned(),
                store.name().to_owned(),
            )
        };
        lock(&self.world.stores).values().map(describe).collect()
    }

    /// Puts a fault in the way of requests to come.
    pub fn inject(&self, fault: Fault) -> FaultHandle {
        self.world.faults.push(fault)
    }

    /// Takes all faults away that still wait for a request.
    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// Changes toggles for requests to come.
    pub fn set_toggles(&self, change: impl FnOnce(&mut Toggles)) {
        change(&mut lock(&self.world.toggles));
    }

    /// Keeps each reply to come under way for this long, as a distant service would; none at the start.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.world.latency) = latency;
    }

    /// Posts an order to a webhook receiver, signed, with retries on this simulator's clock (§6.1). Order ids are
    /// unique across stores.
    ///
    /// # Errors
    /// When no store has that order. A receiver that fails is not an error but a [`Delivery`] that says so.
    pub fn send_webhook(
        &self,
        order_id: u64,
        url: &str,
    ) -> impl Future<Output = Result<Delivery, WebhookError>> + Send + use<> {
        webhook::deliver(Arc::clone(&self.world), order_id, url.to_owned())
    }

    /// Stops: no new requests, held ones are dropped, running ones are finished.
    pub async fn shutdown(mut self) {
        self.world.closing.cancel();
        if let Some(server) = self.server.take() {
            // It ends in an error only if it panicked, which it has shown by then.
            let _ = server.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.world.closing.cancel();
    }
}
