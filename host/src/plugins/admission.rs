//! Which calls run at once: so many of each tenant and plugin, and so many in the whole process.
//!
//! Who finds no place waits, within the call's deadline, in the queue of its tenant and plugin. Places of the process go round
//! the tenants whose calls could run: one call of each, then one of each again. So a tenant with a thousand calls waiting
//! keeps another's first call back by one call, not by a thousand.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::engine::SLOTS;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::usage::GuestMemory;
use crate::observe::Metrics;

/// Calls that may wait for a place of their tenant and plugin; more are told "busy" at once.
const QUEUE: usize = 64;

/// The places of this process.
#[derive(Clone)]
pub struct Admission(Arc<Places>);

struct Places {
    slots: usize,
    memory: Arc<GuestMemory>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    tickets: u64,
    tenants: HashMap<Arc<str>, Tenant>,
    /// Tenants with a call that waits for nothing but a place of the process, each once; the first is next.
    round: VecDeque<Arc<str>>,
}

#[derive(Default)]
struct Tenant {
    lanes: HashMap<Arc<str>, Lane>,
    /// Plugins whose next call waits for nothing but a place of the process, each once; the first is next.
    round: VecDeque<Arc<str>>,
}

/// The calls of one tenant to one plugin.
#[derive(Default)]
struct Lane {
    limit: usize,
    running: usize,
    waiting: VecDeque<Waiting>,
    /// Calls under way that are between two steps, without a place.
    resting: usize,
}

struct Waiting {
    ticket: u64,
    start: oneshot::Sender<Admitted>,
}

/// A call under way that gave up its place for a while.
pub struct Resting {
    places: Arc<Places>,
    tenant: Arc<str>,
    plugin: Arc<str>,
}

/// A call's place; it is free again when this is dropped.
pub struct Admitted {
    places: Option<Arc<Places>>,
    tenant: Arc<str>,
    plugin: Arc<str>,
}

impl Admission {
    /// The places of a process whose calls use this memory.
    pub fn new(memory: Arc<GuestMemory>, metrics: Arc<Metrics>) -> Self {
        Self::with_slots(SLOTS as usize, memory, metrics)
    }

    fn with_slots(slots: usize, memory: Arc<GuestMemory>, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Places {
            slots,
            memory,
            metrics,
            state: Mutex::default(),
        }))
    }

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
        let refused = |passed| {
            self.0.metrics.refused(passed);
            busy(plugin, limit)
        };
        let queued = self.0.queue(tenant, plugin, limit, QUEUE);
        let queued = queued.ok_or_else(|| refused("calls-waiting"))?;
        let entered = self.wait(tenant, plugin, queued, deadline).await;
        entered.ok_or_else(|| refused("calls-at-once"))
    }

    /// Gives up a call's place between two of its steps. New calls find it among those that wait: however many rest, there are no
    /// more of them than may wait.
    pub fn rest(&self, admitted: Admitted) -> Resting {
        let resting = Resting {
            places: self.0.clone(),
            tenant: admitted.tenant.clone(),
            plugin: admitted.plugin.clone(),
        };
        resting.count(1);
        resting
    }

    /// A place for a call that rested, behind those that wait already, however many they are. None: no place became free before the
    /// deadline.
    pub async fn enter_again(
        &self,
        resting: Resting,
        limit: usize,
        deadline: Instant,
    ) -> Option<Admitted> {
        let (tenant, plugin) = (resting.tenant.clone(), resting.plugin.clone());
        let queued = self.0.queue(&tenant, &plugin, limit, usize::MAX)?;
        drop(resting);
        self.wait(&tenant, &plugin, queued, deadline).await
    }

    async fn wait(
        &self,
        tenant: &str,
        plugin: &str,
        (ticket, mut start): (u64, oneshot::Receiver<Admitted>),
        deadline: Instant,
    ) -> Option<Admitted> {
        let arrived = Instant::now();
        // In most cases there was a place, and this has it already.
        if let Ok(admitted) = start.try_recv() {
            self.0.metrics.waited(plugin, Duration::ZERO);
            return Some(admitted);
        }
        let queued = Queued {
            places: &self.0,
            tenant,
            plugin,
            ticket,
        };
        let started = tokio::time::timeout_at(deadline, self.0.started(start)).await;
        drop(queued);
        self.0.metrics.waited(plugin, arrived.elapsed());
        started.ok().flatten()
    }

    /// Calls that run, and calls that wait, of each plugin.
    pub fn lengths(&self) -> BTreeMap<String, (usize, usize)> {
        let mut lengths: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for tenant in self.0.state().tenants.values() {
            for (plugin, lane) in &tenant.lanes {
                let (running, waiting) = lengths.entry(plugin.to_string()).or_default();
                *running += lane.running;
                *waiting += lane.waiting.len() + lane.resting;
            }
        }
        lengths
    }
}

impl Places {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(
        self: &Arc<Self>,
        tenant: &str,
        plugin: &str,
        limit: usize,
        most_waiting: usize,
    ) -> Option<(u64, oneshot::Receiver<Admitted>)> {
        let mut state = self.state();
        state.tickets += 1;
        let ticket = state.tickets;
        let tenant: Arc<str> = tenant.into();
        let plugin: Arc<str> = plugin.into();
        let lane = state
            .tenants
            .entry(tenant.clone())
            .or_default()
            .lanes
            .entry(plugin.clone())
            .or_default();
        if lane.waiting.len() + lane.resting >= most_waiting {
            return None;
        }
        lane.limit = limit;
        let (start, started) = oneshot::channel();
        lane.waiting.push_back(Waiting { ticket, start });
        self.metrics.waiting(&plugin, 1);
        state.enlist(&tenant, &plugin);
        self.hand_out(&mut state);
        Some((ticket, started))
    }

    /// Waits for the turn, and sees to it that memory which no call of ours gave back is given to the next.
    async fn started(self: &Arc<Self>, mut start: oneshot::Receiver<Admitted>) -> Option<Admitted> {
        loop {
            let mut freed = pin!(self.memory.freed());
            freed.as_mut().enable();
            self.hand_out(&mut self.state());
            tokio::select! {
                biased;
                admitted = &mut start => return admitted.ok(),
                () = freed => {}
            }
        }
    }

    /// Gives free places to those whose turn it is.
    fn hand_out(self: &Arc<Self>, state: &mut State) {
        while state.running < self.slots && self.memory.has_room() {
            let Some((tenant, plugin, start)) =
                state.next(|plugin| self.metrics.waiting(plugin, -1))
            else {
                return;
            };
            let admitted = Admitted {
                places: Some(self.clone()),
                tenant: tenant.clone(),
                plugin: plugin.clone(),
            };
            match start.send(admitted) {
                Ok(()) => self.metrics.running(&plugin, 1),
                Err(mut unwanted) => {
                    // Its caller went away at this very moment. Dropped with its place, it would come back to us for the lock.
                    unwanted.places = None;
                    state.left(&tenant, &plugin);
                }
            }
        }
    }
}

impl State {
    /// Puts a lane, and its tenant, into the rounds if its next call waits for nothing else.
    fn enlist(&mut self, tenant: &Arc<str>, plugin: &Arc<str>) {
        let Some(of_tenant) = self.tenants.get_mut(tenant) else {
            return;
        };
        let could_start = of_tenant
            .lanes
            .get(plugin)
            .is_some_and(|lane| !lane.waiting.is_empty() && lane.running < lane.limit);
        if could_start && !of_tenant.round.contains(plugin) {
            of_tenant.round.push_back(plugin.clone());
            if of_tenant.round.len() == 1 {
                self.round.push_back(tenant.clone());
            }
        }
    }

    /// The call whose turn it is, counted as running.
    fn next(
        &mut self,
        left_the_queue: impl Fn(&str),
    ) -> Option<(Arc<str>, Arc<str>, oneshot::Sender<Admitted>)> {
        loop {
            let tenant = self.round.pop_front()?;
            let Some(of_tenant) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            let Some(plugin) = of_tenant.round.pop_front() else {
                continue;
            };
            if !of_tenant.round.is_empty() {
                self.round.push_back(tenant.clone());
            }
            let next = of_tenant.lanes.get_mut(&plugin).and_then(|lane| {
                let next = lane.waiting.pop_front()?;
                lane.running += 1;
                Some(next)
            });
            if let Some(next) = next {
                self.running += 1;
                left_the_queue(&plugin);
                self.enlist(&tenant, &plugin);
                return Some((tenant, plugin, next.start));
            }
        }
    }

    /// A call gave its place back.
    fn left(&mut self, tenant: &Arc<str>, plugin: &Arc<str>) {
        self.running -= 1;
        if let Some(lane) = self
            .tenants
            .get_mut(tenant)
            .and_then(|of_tenant| of_tenant.lanes.get_mut(plugin))
        {
            lane.running -= 1;
        }
        self.enlist(tenant, plugin);
        self.forget(tenant, plugin);
    }

    /// Tenants come and go: who neither runs nor waits takes no room.
    fn forget(&mut self, tenant: &str, plugin: &str) {
        let Some(of_tenant) = self.tenants.get_mut(tenant) else {
            return;
        };
        let idle = of_tenant
            .lanes
            .get(plugin)
            .is_some_and(|lane| lane.running + lane.resting == 0 && lane.waiting.is_empty());
        if idle {
            of_tenant.lanes.remove(plugin);
            of_tenant.round.retain(|name| **name != *plugin);
        }
        if of_tenant.round.is_empty() {
            self.round.retain(|name| **name != *tenant);
        }
        if of_tenant.lanes.is_empty() {
            self.tenants.remove(tenant);
        }
    }
}

/// One call that waits; however it ends, it leaves the queue.
struct Queued<'a> {
    places: &'a Places,
    tenant: &'a str,
    plugin: &'a str,
    ticket: u64,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.places.state();
        let lane = state
            .tenants
            .get_mut(self.tenant)
            .and_then(|of_tenant| of_tenant.lanes.get_mut(self.plugin));
        let Some(lane) = lane else { return };
        let before = lane.waiting.len();
        lane.waiting.retain(|waiting| waiting.ticket != self.ticket);
        if lane.waiting.len() < before {
            self.places.metrics.waiting(self.plugin, -1);
            state.forget(self.tenant, self.plugin);
        }
    }
}

impl Resting {
    fn count(&self, more: isize) {
        let mut state = self.places.state();
        if let Some(lane) = state
            .tenants
            .get_mut(&self.tenant)
            .and_then(|of_tenant| of_tenant.lanes.get_mut(&self.plugin))
        {
            lane.resting = lane.resting.saturating_add_signed(more);
        }
        state.forget(&self.tenant, &self.plugin);
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.count(-1);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some(places) = self.places.take() else {
            return;
        };
        places.metrics.running(&self.plugin, -1);
        let mut state = places.state();
        state.left(&self.tenant, &self.plugin);
        places.hand_out(&mut state);
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
mod tests;
