//! The one wasmtime engine: its configuration, its ticking epoch, and the linker with everything that plugins import.

use std::num::NonZeroUsize;

use thiserror::Error;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::giving_back::PoolQueue;
use crate::capabilities::context::CallState;
use crate::capabilities::contract::Plugin;
use crate::capabilities::usage::TICK;

/// Calls at once in this process; each takes one slot of the pool.
pub const SLOTS: u32 = 512;
/// Memory of all instances of this process together.
pub const GUEST_MEMORY: usize = 2 << 30;
/// Memories that the kernel empties at once: resetting one takes a lock of the kernel, and in batches it halves the cost under
/// load. For large ones see [`super::giving_back::PoolQueue`].
pub const EMPTIED_AT_ONCE: usize = 16;
/// The most that `limits.memory` may be set to.
pub const MEMORY_CEILING: usize = 512 << 20;

/// The engine could not be made.
#[derive(Debug, Error)]
#[error("the WebAssembly engine could not be started: {0}")]
pub struct EngineError(#[from] wasmtime::Error);

/// Engine and linker, shared by all plugins.
#[derive(Clone)]
pub struct PluginEngine {
    /// Compiles and runs components.
    pub engine: Engine,
    /// Offers the whole contract and an empty WASI; grants are checked in the functions, not here.
    pub linker: Linker<CallState>,
    /// What dropped instances had.
    pub queue: PoolQueue,
}

impl PluginEngine {
    /// The engine, with its epoch ticking in a thread of its own for as long as the engine lives.
    ///
    /// # Errors
    /// The machine cannot run WebAssembly, or has no thread left.
    pub fn new() -> Result<Self, EngineError> {
        // Where address space is short (39-bit systems), instances are made on demand, under the same limits.
        let engine = Engine::new(&configuration(true)).or_else(|error| {
            tracing::warn!(cause = %error, "no pool of instances here, making them on demand");
            Engine::new(&configuration(false))
        })?;
        let weak = engine.weak();
        std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while let Some(engine) = weak.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(TICK);
                }
            })
            .map_err(wasmtime::Error::from)?;

        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        Plugin::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
        let queue = PoolQueue::new(&engine)?;
        Ok(Self {
            engine,
            linker,
            queue,
        })
    }
}

/// The only maker of a wasmtime configuration: compiled code is only good for an engine of the very same one.
fn configuration(pooled: bool) -> Config {
    let mut config = Config::new();
    config
        // Stops loops. A blocked host call it cannot stop: that is the deadline's part.
        .epoch_interruption(true)
        // All functions of the contract are sync; without it a call with one host call measured a quarter.
        .concurrency_support(false)
        .wasm_memory64(false)
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16));
    if pooled {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(SLOTS)
            .total_stacks(SLOTS)
            // QuickJS components hold more than eight core instances.
            .max_core_instances_per_component(32)
            .total_core_instances(SLOTS * 8)
            .max_memories_per_component(4)
            .total_memories(SLOTS + SLOTS / 2)
            .max_tables_per_component(16)
            .total_tables(SLOTS * 4)
            // Go and JavaScript need more than the default of 20,000.
            .table_elements(60_000)
            .max_component_instance_size(2 << 20)
            .max_core_instance_size(2 << 20)
            .max_memory_size(MEMORY_CEILING)
            .max_unused_warm_slots(64)
            .decommit_batch_size(EMPTIED_AT_ONCE)
            // What a component of ours touches lies in its first 256 KiB (a small stack, then data, then heap: see
            // .cargo/config.toml). Copied back, it faults no page and makes no other core flush its translations: half
            // as many calls again per second as with 64 KiB. 1 MiB halved them (a blind memset).
            .linear_memory_keep_resident(256 << 10)
            .table_keep_resident(16 << 10);
        // Neither `pagemap_scan` (wasmtime PR 14357) nor memory protection keys (wasmtime issue 13982): either can
        // show one instance another's memory.
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}
