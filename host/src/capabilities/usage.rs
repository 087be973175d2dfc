//! Memory and processor time of one instance, counted where wasmtime asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

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
    ticks: u64,
    ticks_left: u64,
    exceeded: Option<Exceeded>,
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.process.give_back(self.memory);
        let ticks = u32::try_from(self.ticks).unwrap_or(u32::MAX);
        self.process
            .metrics
            .instance_ended(&self.plugin, self.memory, TICK * ticks);
    }
}

impl Usage {
    /// `memory` in bytes over all linear memories; `processor` is rounded up to whole ticks.
    pub fn new(
        plugin: &str,
        memory: usize,
        processor: Duration,
        process: Arc<GuestMemory>,
    ) -> Self {
        let ticks = processor.as_millis().div_ceil(TICK.as_millis());
        Self {
            plugin: plugin.to_owned(),
            process,
            memory_limit: memory,
            memory: 0,
            table_limit: 60_000,
            ticks: 0,
            ticks_left: u64::try_from(ticks).unwrap_or(u64::MAX).max(1),
            exceeded: None,
        }
    }

    /// One tick passed while the plugin's code ran. False: the budget is spent.
    pub fn tick(&mut self) -> bool {
        self.ticks += 1;
        self.ticks_left = self.ticks_left.saturating_sub(1);
        if self.ticks_left == 0 {
            self.exceeded = Some(Exceeded::Processor);
        }
        self.ticks_left > 0
    }

    /// The limit that was passed, if any.
    pub fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded
    }
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
        Usage::new("shelf", 100, processor, process.clone())
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

    #[test]
    fn processor_time_ends_after_its_ticks() {
        let mut usage = usage(&process(1000), Duration::from_millis(25));
        assert!(usage.tick());
        assert!(usage.tick());
        assert!(!usage.tick());
        assert_eq!(usage.exceeded(), Some(Exceeded::Processor));
    }
}
