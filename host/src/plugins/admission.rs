//! How many calls run at once: per tenant and plugin, and in the whole process. Waiting counts against the deadline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::engine::SLOTS;
use crate::capabilities::contract::{Error, ErrorKind};

/// Calls that may wait for a place of their tenant and plugin; more are told "busy" at once.
const QUEUE: usize = 64;

/// Whose places they are.
type Place = (String, String);

struct Places {
    permits: Arc<Semaphore>,
    waiting: usize,
}

/// The places of this process.
pub struct Admission {
    host: Arc<Semaphore>,
    places: Mutex<HashMap<Place, Places>>,
}

/// A call's place; it is free again when this is dropped.
pub struct Admitted {
    _place: OwnedSemaphorePermit,
    _host: OwnedSemaphorePermit,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            host: Arc::new(Semaphore::new(SLOTS as usize)),
            places: Mutex::default(),
        }
    }
}

impl Admission {
    /// A place for a call of `tenant` to `plugin`, of which `limit` may run at once.
    ///
    /// # Errors
    /// Too many wait already, or no place became free before the deadline.
    pub async fn enter(
        &self,
        tenant: &str,
        plugin: &str,
        limit: usize,
        deadline: Instant,
    ) -> Result<Admitted, Error> {
        let place = (tenant.to_owned(), plugin.to_owned());
        let permits = self.queue(&place, limit, plugin)?;
        let _queued = Queued {
            admission: self,
            place,
        };
        let entering = async {
            // The tenant's own place first: one tenant's queue never holds places of the process.
            let place = permits.acquire_owned().await.ok()?;
            let host = self.host.clone().acquire_owned().await.ok()?;
            Some(Admitted {
                _place: place,
                _host: host,
            })
        };
        match tokio::time::timeout_at(deadline, entering).await {
            Ok(Some(admitted)) => Ok(admitted),
            _ => Err(busy(plugin, limit)),
        }
    }

    fn queue(&self, place: &Place, limit: usize, plugin: &str) -> Result<Arc<Semaphore>, Error> {
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let places = all.entry(place.clone()).or_insert_with(|| Places {
            permits: Arc::new(Semaphore::new(limit)),
            waiting: 0,
        });
        if places.waiting >= QUEUE {
            return Err(busy(plugin, limit));
        }
        places.waiting += 1;
        Ok(places.permits.clone())
    }
}

/// One call that waits; however it ends, it leaves the queue.
struct Queued<'a> {
    admission: &'a Admission,
    place: Place,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut all = self
            .admission
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = all.get_mut(&self.place) {
            places.waiting -= 1;
            // Nobody waits and nobody but this map holds the places: forget them, so that tenants come and go.
            if places.waiting == 0 && Arc::strong_count(&places.permits) == 1 {
                all.remove(&self.place);
            }
        }
    }
}

fn busy(plugin: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::RateLimited,
        "busy",
        format!(
            "Too many calls of '{plugin}' are under way (limit plugins.{plugin}.limits.calls = {limit}). Nothing was done; try again in a few seconds."
        ),
    )
    .retry_after(Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn one_tenant_at_its_limit_does_not_stop_another() {
        let admission = Admission::default();
        let _first = admission.enter("a", "orders", 1, soon()).await.unwrap();
        let error = admission
            .enter("a", "orders", 1, soon())
            .await
            .err()
            .unwrap();
        assert_eq!(error.code.as_deref(), Some("busy"));
        admission.enter("b", "orders", 1, soon()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_when_its_call_ends_and_forgotten_tenants_take_no_room() {
        let admission = Admission::default();
        drop(admission.enter("a", "orders", 1, soon()).await.unwrap());
        drop(admission.enter("a", "orders", 1, soon()).await.unwrap());
        assert!(admission.places.lock().unwrap().len() <= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_answers_at_once() {
        let admission = Arc::new(Admission::default());
        let _running = admission.enter("a", "orders", 1, soon()).await.unwrap();
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(
                    async move { admission.enter("a", "orders", 1, soon()).await.map(drop) },
                )
            })
            .collect();
        let queued = || {
            let places = admission.places.lock().unwrap();
            places.values().map(|places| places.waiting).sum::<usize>()
        };
        while queued() < QUEUE {
            tokio::task::yield_now().await;
        }
        let before = Instant::now();
        assert!(admission.enter("a", "orders", 1, soon()).await.is_err());
        assert_eq!(Instant::now(), before);
        for call in waiting {
            assert!(call.await.unwrap().is_err());
        }
    }
}
