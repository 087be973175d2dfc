//! Memory and processor time of one instance, counted where wasmtime asks.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

use super::turns::Account;
use crate::observe::Metrics;

/// How often the engine's epoch advances: the grain of processor time.
pub const TICK: Duration = Duration::from_millis(10);

/// Which limit a call ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// All linear memories together would have passed the limit.
    Memory,
    /// The plugin's own code ran for too long.
    Processor,
    /// All instances of this process together would have passed what they may have.
    Process,
}

/// The memory of all instances of this process.
pub struct GuestMemory {
    limit: usize,
    used: AtomicUsize,
    freed: Notify,
    metrics: Arc<Metrics>,
}

impl GuestMemory {
    /// So many bytes at most.
    pub fn new(limit: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
            freed: Notify::new(),
            metrics,
        }
    }

    /// Whether one more instance may start.
    pub fn has_room(&self) -> bool {
        self.used.load(Ordering::Acquire) < self.limit
    }

    /// Resolves when there is room again where there was none. Who has to miss nothing asks for it before looking.
    pub fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.freed.notified()
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.limit)
            });
        self.metrics
            .guest_memory_in_use(self.used.load(Ordering::Relaxed));
        taken.is_ok()
    }

    fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::AcqRel);
        self.metrics
            .guest_memory_in_use(self.used.load(Ordering::Relaxed));
        if before >= self.limit {
            self.freed.notify_waiters();
        }
    }
}

/// What one instance uses, and may use.
pub struct Usage {
    plugin: String,
    process: Arc<GuestMemory>,
    memory_limit: usize,
    memory: usize,
    table_limit: usize,
    processor_limit: Duration,
    processor: Arc<Processor>,
    /// Of the tenant for whom it works; none while it is only asked what it is.
    account: Option<Account>,
    exceeded: Option<Exceeded>,
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.process.give_back(self.memory);
        self.process
            .metrics
            .instance_ended(&self.plugin, self.memory, self.processor.spent());
    }
}

impl Usage {
    /// `memory` in bytes over all linear memories; `processor` is what the plugin's own code may run for.
    pub fn new(
        plugin: &str,
        memory: usize,
        processor: Duration,
        process: Arc<GuestMemory>,
        account: Option<Account>,
    ) -> Self {
        Self {
            plugin: plugin.to_owned(),
            process,
            memory_limit: memory,
            memory: 0,
            table_limit: 60_000,
            processor_limit: processor,
            processor: Arc::default(),
            account,
            exceeded: None,
        }
    }

    /// Counts what runs this instance.
    pub fn counter(&self) -> Counter {
        Counter {
            processor: Arc::clone(&self.processor),
            account: self.account.clone(),
        }
    }

    /// On whose account it works.
    pub fn account(&self) -> Option<Account> {
        self.account.clone()
    }

    /// Bytes of all its linear memories.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Processor time so far.
    pub fn spent(&self) -> Duration {
        self.processor.spent()
    }

    /// One tick of the engine passed while the plugin's code ran. False: the budget is spent.
    pub fn tick(&mut self) -> bool {
        let spent = self.processor.spent() > self.processor_limit;
        if spent {
            self.exceeded = Some(Exceeded::Processor);
        }
        !spent
    }

    /// The limit that was passed, if any.
    pub fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded
    }
}

/// Counts the processor time of one instance.
pub struct Counter {
    processor: Arc<Processor>,
    account: Option<Account>,
}

impl Counter {
    /// Counts the time for which `work` is at work: waiting costs nothing, whatever for.
    pub fn counted<F: Future>(self, work: F) -> Counted<F> {
        Counted {
            work: Box::pin(work),
            processor: self.processor,
            account: self.account,
        }
    }
}

/// Processor time of this thread. The clock on the wall would count what others did with the processor meanwhile.
pub fn of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Time at work.
#[derive(Debug, Default)]
struct Processor(Mutex<AtWork>);

#[derive(Debug, Default)]
struct AtWork {
    before: Duration,
    /// On the clock of the thread that polls.
    since: Option<Duration>,
}

impl Processor {
    fn at_work(&self) -> std::sync::MutexGuard<'_, AtWork> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self) {
        self.at_work().since = Some(of_this_thread());
    }

    /// How long it was at work since it went on.
    fn pause(&self) -> Duration {
        let mut at_work = self.at_work();
        let slice = at_work.since.take().map_or(Duration::ZERO, |since| {
            of_this_thread().saturating_sub(since)
        });
        at_work.before += slice;
        slice
    }

    fn spent(&self) -> Duration {
        let at_work = self.at_work();
        at_work.before
            + at_work.since.map_or(Duration::ZERO, |since| {
                of_this_thread().saturating_sub(since)
            })
    }
}

/// A future whose time at work is counted: that of its polls. The ticks of the engine alone would count a whole one for
/// every wait in the host that is longer than a tick.
pub struct Counted<F> {
    work: Pin<Box<F>>,
    processor: Arc<Processor>,
    account: Option<Account>,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A plugin's call of another one's tool is polled within its own poll: that time is the other one's.
        let outer = AT_WORK.replace(Some(Arc::clone(&self.processor)));
        if let Some(outer) = &outer {
            outer.pause();
        }
        self.processor.go_on();
        let polled = self.work.as_mut().poll(context);
        let slice = self.processor.pause();
        if let Some(account) = &self.account {
            account.was_at_work(slice);
        }
        if let Some(outer) = &outer {
            outer.go_on();
        }
        AT_WORK.set(outer);
        polled
    }
}

thread_local! {
    /// Whose time is counted on this thread.
    static AT_WORK: RefCell<Option<Arc<Processor>>> = const { RefCell::new(None) };
}

impl ResourceLimiter for Usage {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Wasmtime asks memory by memory; the limit is for all of them (spin#3705).
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.memory_limit {
            self.exceeded = Some(Exceeded::Memory);
            return Ok(false);
        }
        if !self.process.take(total - self.memory) {
            self.exceeded = Some(Exceeded::Process);
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_limit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn process(bytes: usize) -> Arc<GuestMemory> {
        Arc::new(GuestMemory::new(bytes, Arc::default()))
    }

    fn usage(process: &Arc<GuestMemory>, processor: Duration) -> Usage {
        Usage::new("shelf", 100, processor, process.clone(), None)
    }

    #[test]
    fn all_instances_share_the_memory_of_the_process_and_give_it_back() {
        let process = process(150);
        let mut first = usage(&process, Duration::from_secs(1));
        let mut second = usage(&process, Duration::from_secs(1));
        assert!(first.memory_growing(0, 100, None).unwrap());
        assert!(process.has_room());
        assert!(!second.memory_growing(0, 51, None).unwrap());
        assert_eq!(second.exceeded(), Some(Exceeded::Process));
        assert!(second.memory_growing(0, 50, None).unwrap());
        assert!(!process.has_room());
        drop(first);
        assert!(process.has_room());
        assert!(second.memory_growing(50, 100, None).unwrap());
    }

    #[test]
    fn memories_are_counted_together() {
        let mut usage = usage(&process(1000), Duration::from_secs(1));
        assert!(usage.memory_growing(0, 60, None).unwrap());
        assert!(usage.memory_growing(0, 40, None).unwrap());
        assert!(!usage.memory_growing(40, 41, None).unwrap());
        assert_eq!(usage.exceeded(), Some(Exceeded::Memory));
    }

    #[tokio::test]
    async fn processor_time_ends_and_neither_waiting_nor_a_peers_work_is_any() {
        let process = process(1000);
        let mut usage = usage(&process, Duration::from_millis(40));
        let waiting = usage
            .counter()
            .counted(tokio::time::sleep(Duration::from_millis(60)));
        waiting.await;
        assert!(usage.tick());
        let other = self::usage(&process, Duration::from_secs(1));
        let work = || async {
            let until = of_this_thread() + Duration::from_millis(60);
            while of_this_thread() < until {}
        };
        let peer = usage.counter().counted(other.counter().counted(work()));
        peer.await;
        assert!(usage.tick());
        let slept = usage
            .counter()
            .counted(async { std::thread::sleep(Duration::from_millis(60)) });
        slept.await;
        assert!(usage.tick(), "somebody else had the processor");
        let working = usage.counter().counted(work());
        working.await;
        assert!(!usage.tick());
        assert_eq!(usage.exceeded(), Some(Exceeded::Processor));
    }
}
