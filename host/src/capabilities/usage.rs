//! Memory and processor time of one instance, counted where wasmtime asks.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

/// How often the engine's epoch advances: the grain of processor time.
pub const TICK: Duration = Duration::from_millis(10);

/// Which limit a call ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// All linear memories together would have passed the limit.
    Memory,
    /// The plugin's own code ran for too long.
    Processor,
}

/// What one instance uses, and may use.
#[derive(Debug)]
pub struct Usage {
    memory_limit: usize,
    memory: usize,
    table_limit: usize,
    processor_limit: Duration,
    processor: Arc<Processor>,
    exceeded: Option<Exceeded>,
}

impl Usage {
    /// `memory` in bytes over all linear memories; `processor` is what the plugin's own code may run for.
    pub fn new(memory: usize, processor: Duration) -> Self {
        Self {
            memory_limit: memory,
            memory: 0,
            table_limit: 60_000,
            processor_limit: processor,
            processor: Arc::default(),
            exceeded: None,
        }
    }

    /// Counts what runs this instance.
    pub fn counter(&self) -> Counter {
        Counter(Arc::clone(&self.processor))
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
pub struct Counter(Arc<Processor>);

impl Counter {
    /// Counts the time for which `work` is at work: waiting costs nothing, whatever for.
    pub fn counted<F: Future>(self, work: F) -> Counted<F> {
        Counted {
            work: Box::pin(work),
            processor: self.0,
        }
    }
}

/// Time at work.
#[derive(Debug, Default)]
struct Processor(Mutex<AtWork>);

#[derive(Debug, Default)]
struct AtWork {
    before: Duration,
    since: Option<Instant>,
}

impl Processor {
    fn at_work(&self) -> std::sync::MutexGuard<'_, AtWork> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self) {
        self.at_work().since = Some(Instant::now());
    }

    fn pause(&self) {
        let mut at_work = self.at_work();
        if let Some(since) = at_work.since.take() {
            at_work.before += since.elapsed();
        }
    }

    fn spent(&self) -> Duration {
        let at_work = self.at_work();
        at_work.before
            + at_work
                .since
                .map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A future whose time at work is counted: that of its polls. The ticks of the engine alone would count a whole one for
/// every wait in the host that is longer than a tick.
pub struct Counted<F> {
    work: Pin<Box<F>>,
    processor: Arc<Processor>,
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
        self.processor.pause();
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

    #[test]
    fn memories_are_counted_together() {
        let mut usage = Usage::new(100, Duration::from_secs(1));
        assert!(usage.memory_growing(0, 60, None).unwrap());
        assert!(usage.memory_growing(0, 40, None).unwrap());
        assert!(!usage.memory_growing(40, 41, None).unwrap());
        assert_eq!(usage.exceeded(), Some(Exceeded::Memory));
    }

    #[tokio::test]
    async fn processor_time_ends_and_neither_waiting_nor_a_peers_work_is_any() {
        let mut usage = Usage::new(100, Duration::from_millis(40));
        let waiting = usage
            .counter()
            .counted(tokio::time::sleep(Duration::from_millis(60)));
        waiting.await;
        assert!(usage.tick());
        let other = Usage::new(100, Duration::from_secs(1));
        let work = || async { std::thread::sleep(Duration::from_millis(60)) };
        let peer = usage.counter().counted(other.counter().counted(work()));
        peer.await;
        assert!(usage.tick());
        let working = usage.counter().counted(work());
        working.await;
        assert!(!usage.tick());
        assert_eq!(usage.exceeded(), Some(Exceeded::Processor));
    }
}
