//! One shared flight for identical concurrent reads.
//!
//! A flight is a task of its own: nobody who waits for it can end it for the others, and it ends by itself when nobody
//! waits any more. A write through the same secret closes open flights to those who come later: what they would get might be
//! older than the write.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderName;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{ErrorKind, HttpError, Response};

/// What makes two reads identical. No tenant and no plugin: the answer depends on neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    pub(super) through: Through,
    pub(super) url: String,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) timeout: Option<Duration>,
}

/// The endpoint and the ids of the secrets that a request uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Through {
    pub(super) endpoint: String,
    pub(super) secrets: Vec<String>,
}

impl Through {
    fn meets(&self, other: &Self) -> bool {
        let without = self.secrets.is_empty() && other.secrets.is_empty();
        let shared = self
            .secrets
            .iter()
            .any(|secret| other.secrets.contains(secret));
        self.endpoint == other.endpoint && (without || shared)
    }
}

type Landed = Result<Arc<Response>, HttpError>;

/// The flights that may still be joined.
#[derive(Default)]
pub(super) struct Flights {
    open: Mutex<HashMap<FlightKey, Arc<Flight>>>,
}

/// One request under way, for everybody who waits for it.
pub(super) struct Flight {
    landed: watch::Sender<Option<Landed>>,
    deadline: Mutex<Instant>,
}

impl Flight {
    /// When the last of those who wait gives up.
    pub(super) fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lasts_until(&self, deadline: Instant) {
        let mut own = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        *own = deadline.max(*own);
    }
}

/// A seat on a flight; giving it up is all it takes to leave.
pub(super) struct Seat(watch::Receiver<Option<Landed>>);

impl Seat {
    /// The flight's answer.
    pub(super) async fn landed(mut self) -> Landed {
        let lost = || {
            HttpError::new(
                ErrorKind::Internal,
                "flight-lost",
                "The request was lost inside the server. Try again.",
            )
        };
        match self.0.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or_else(|| Err(lost())),
            Err(_) => Err(lost()),
        }
    }
}

/// Closes flights when a write begins, and once more when it ends, by whichever way: what started in between may
/// have read the state before it.
pub(super) struct WriteUnderWay {
    flights: Arc<Flights>,
    through: Through,
}

impl Drop for WriteUnderWay {
    fn drop(&mut self) {
        self.flights.close(&self.through);
    }
}

impl Flights {
    fn open(&self) -> MutexGuard<'_, HashMap<FlightKey, Arc<Flight>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat on the open flight with this key, or on a new one that `fly` makes.
    pub(super) fn join<F>(
        self: &Arc<Self>,
        key: FlightKey,
        deadline: Instant,
        fly: impl FnOnce(Arc<Flight>) -> F,
    ) -> Seat
    where
        F: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let mut open = self.open();
        if let Some(flight) = open.get(&key) {
            flight.lasts_until(deadline);
            return Seat(flight.landed.subscribe());
        }
        let (landed, seat) = watch::channel(None);
        let flight = Arc::new(Flight {
            landed,
            deadline: Mutex::new(deadline),
        });
        open.insert(key.clone(), Arc::clone(&flight));
        drop(open);
        let task = Arc::clone(self).run(key, Arc::clone(&flight), fly(flight));
        tokio::spawn(task.in_current_span());
        Seat(seat)
    }

    async fn run(
        self: Arc<Self>,
        key: FlightKey,
        flight: Arc<Flight>,
        request: impl Future<Output = Result<Response, HttpError>>,
    ) {
        tokio::select! {
            landed = request => {
                remove(&mut self.open(), &key, &flight);
                flight.landed.send_replace(Some(landed.map(Arc::new)));
            }
            () = self.abandoned(&key, &flight) => {}
        }
    }

    /// Ends when nobody waits for the flight and nobody can join it any more.
    async fn abandoned(&self, key: &FlightKey, flight: &Arc<Flight>) {
        loop {
            flight.landed.closed().await;
            let mut open = self.open();
            // Somebody may have joined since.
            if flight.landed.receiver_count() == 0 {
                remove(&mut open, key, flight);
                return;
            }
        }
    }

    /// Tells that a write begins; it ends when the result is dropped.
    pub(super) fn write(self: &Arc<Self>, through: Through) -> WriteUnderWay {
        self.close(&through);
        WriteUnderWay {
            flights: Arc::clone(self),
            through,
        }
    }

    fn close(&self, through: &Through) {
        self.open().retain(|key, _| !key.through.meets(through));
    }
}

fn remove(open: &mut HashMap<FlightKey, Arc<Flight>>, key: &FlightKey, flight: &Arc<Flight>) {
    // A write may have closed this flight, and another one begun under the same key.
    if open.get(key).is_some_and(|open| Arc::ptr_eq(open, flight)) {
        open.remove(key);
    }
}
