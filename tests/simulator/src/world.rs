//! Everything that the simulator knows, shared by all connections.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::faults::FaultQueue;
use crate::journal::Journal;
use crate::locking::lock;
use crate::rate::RateLimiter;
use crate::store::Store;
use crate::toggles::Toggles;

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) faults: FaultQueue,
    /// Cancelled when the simulator shuts down, so that held replies let go.
    pub(crate) closing: CancellationToken,
    pub(crate) toggles: Mutex<Toggles>,
    /// How long each reply is under way.
    pub(crate) latency: Mutex<Duration>,
    pub(crate) rate: Mutex<RateLimiter>,
    pub(crate) stores: Mutex<BTreeMap<u64, Store>>,
}

impl World {
    pub(crate) fn toggles(&self) -> Toggles {
        lock(&self.toggles).clone()
    }
}
