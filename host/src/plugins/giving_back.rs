//! Giving back what an instance had: much memory takes the kernel milliseconds, in which the thread that does it serves nobody.
//!
//! So that happens on a thread for what blocks, and it is work of the instance's tenant: who owes waits for a turn for it
//! ([`crate::capabilities::turns`]).

use std::ops::{Deref, DerefMut};

use wasmtime::{Engine, Instance, Module, Store};

use super::engine::EMPTIED_AT_ONCE;
use crate::capabilities::context::CallState;
use crate::capabilities::usage::of_this_thread;

/// Instances with more bytes than this take long to give back. Sixteen below it, which the kernel may get at once, take it as long
/// as four that fill the default limit; interpreters begin with less, and are called too often to go a way round.
const MUCH: usize = 16 << 20;

/// Empties the pool's queue.
///
/// The pool collects [`EMPTIED_AT_ONCE`] memories in a queue of the thread that dropped them, and then has the kernel empty all of
/// them, under a lock that every other growth of a memory waits for. For small memories that saves much; large ones would add
/// up to a tenth of a second. Wasmtime has no call for it; memories of no page at all fill the queue.
#[derive(Clone)]
pub struct PoolQueue(Module);

impl PoolQueue {
    /// Of the pool of this engine.
    ///
    /// # Errors
    /// The engine compiles nothing.
    pub fn new(engine: &Engine) -> wasmtime::Result<Self> {
        // (module (memory 0))
        let module = b"\0asm\x01\0\0\0\x05\x03\x01\0\0";
        Ok(Self(Module::new(engine, module)?))
    }

    fn empty(&self) {
        for _ in 0..EMPTIED_AT_ONCE {
            let mut store = Store::new(self.0.engine(), ());
            if let Err(error) = Instance::new(&mut store, &self.0, &[]) {
                // The pool has no place left: what is given back waits in the queue until it has.
                tracing::debug!(cause = %error, "the pool's queue was not emptied");
                return;
            }
        }
    }
}

/// A store that is not emptied where it is dropped, if that takes long.
pub(super) struct Held {
    store: Option<Store<CallState>>,
    queue: PoolQueue,
}

impl Held {
    pub(super) fn new(store: Store<CallState>, queue: &PoolQueue) -> Self {
        Self {
            store: Some(store),
            queue: queue.clone(),
        }
    }

    fn is_much(&self) -> bool {
        let store = self.store.as_ref();
        store.is_some_and(|store| store.data().usage.memory() > MUCH)
    }

    /// Gives all of it back, and resolves when that is done.
    pub(super) async fn give_back(mut self) {
        if !self.is_much() {
            return;
        }
        if let Some(account) = self.data().usage.account() {
            account.may_work().await;
        }
        if let Some(store) = self.store.take() {
            let queue = self.queue.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || empty(store, &queue)).await {
                tracing::error!(cause = %error, "an instance was not given back");
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_much()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
            && let Some(store) = self.store.take()
        {
            // Nobody waits for it: its caller is gone.
            let queue = self.queue.clone();
            drop(runtime.spawn_blocking(move || empty(store, &queue)));
        }
    }
}

fn empty(store: Store<CallState>, queue: &PoolQueue) {
    let (began, account) = (of_this_thread(), store.data().usage.account());
    drop(store);
    queue.empty();
    if let Some(account) = account {
        account.was_at_work(of_this_thread().saturating_sub(began));
    }
}

impl Deref for Held {
    type Target = Store<CallState>;

    #[expect(clippy::expect_used, reason = "taken only by what consumes it")]
    fn deref(&self) -> &Self::Target {
        self.store.as_ref().expect("held")
    }
}

impl DerefMut for Held {
    #[expect(clippy::expect_used, reason = "taken only by what consumes it")]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.store.as_mut().expect("held")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plugins::engine::PluginEngine;

    #[test]
    fn what_was_dropped_is_given_back_at_once_when_the_queue_is_emptied() {
        let PluginEngine { engine, queue, .. } = PluginEngine::new().unwrap();
        let given_back = || {
            let pool = engine.pooling_allocator_metrics().unwrap();
            usize::try_from(pool.unused_warm_memories()).unwrap()
        };
        let large = Module::new(&engine, wat::parse_str("(module (memory 64))").unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        Instance::new(&mut store, &large, &[]).unwrap();
        drop(store);
        assert_eq!(given_back(), 0, "it waits for others");
        queue.empty();
        // The last one that filled the queue has taken a place that was given back.
        assert_eq!(given_back(), EMPTIED_AT_ONCE - 1);
    }
}
