//! Taking a mutex.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. A panic in another test thread does not spoil the data: every change is complete before it can panic.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
