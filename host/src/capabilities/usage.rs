//! Memory and processor time of one instance, counted where wasmtime asks.

use std::time::Duration;

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
    ticks_left: u64,
    exceeded: Option<Exceeded>,
}

impl Usage {
    /// `memory` in bytes over all linear memories; `processor` is rounded up to whole ticks.
    pub fn new(memory: usize, processor: Duration) -> Self {
        let ticks = processor.as_millis().div_ceil(TICK.as_millis());
        Self {
            memory_limit: memory,
            memory: 0,
            table_limit: 60_000,
            ticks_left: u64::try_from(ticks).unwrap_or(u64::MAX).max(1),
            exceeded: None,
        }
    }

    /// One tick passed while the plugin's code ran. False: the budget is spent.
    pub fn tick(&mut self) -> bool {
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

    #[test]
    fn processor_time_ends_after_its_ticks() {
        let mut usage = Usage::new(100, Duration::from_millis(25));
        assert!(usage.tick());
        assert!(usage.tick());
        assert!(!usage.tick());
        assert_eq!(usage.exceeded(), Some(Exceeded::Processor));
    }
}
