//! Locks that hold across processes, with the waiting.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::principal::Principal;
use crate::clock::{Clock, Timestamp};
use crate::store::{Database, LockId, LockOwner, StoreError};

/// A lock is usually held for two requests to an API, so the first look comes soon and the later ones cost little.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Takes and gives back locks, each within its tenant and plugin.
///
/// A `holder` names one call of one plugin and must be unique to it: what a call still holds at its end is given back by
/// [`Self::release_all`]. Leases end by themselves if a process dies.
pub struct Locks {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    /// Who tried to take a lock and has not given all back, so that the end of a call without locks costs nothing.
    holders: Mutex<HashSet<LockOwner>>,
}

/// Why a lock was not taken or given back.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else held it all the time.
    #[error("the lock is held by another call")]
    Held,
    /// A call of unknown outcome left it behind, for this long.
    #[error("an earlier call left the lock behind")]
    Kept(Duration),
    /// The call does not hold it: its lease ran out, or it was given back.
    #[error("this call does not hold such a lock: its lease ran out, or it was released before")]
    NotHeld,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Locks {
    /// Locks in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self {
            database,
            clock,
            holders: Mutex::default(),
        }
    }

    /// Takes a lock for `lease`, waiting up to `wait` for it. Not re-entrant: a call that holds the lock waits too.
    ///
    /// A lock that was left behind is not waited for in vain: where that lasts longer than `wait`, the answer comes at once.
    ///
    /// Giving up the waiting (dropping the future) is safe: a lock that was taken meanwhile is given back by
    /// [`Self::release_all`].
    ///
    /// # Errors
    /// It is held all the time; the database failed.
    pub async fn acquire(
        &self,
        principal: &Principal,
        plugin: &str,
        name: &str,
        holder: &str,
        wait: Duration,
        lease: Duration,
    ) -> Result<LockId, LockError> {
        let owner = owner(principal, plugin, holder);
        self.holders().insert(owner.clone());
        let deadline = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        let mut first = true;
        loop {
            let now = self.clock.now();
            let taken = self
                .database
                .acquire_lock(&owner, name, now + lease, now)
                .await?;
            if let Some(lock) = taken {
                return Ok(lock);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if first || left.is_zero() {
                first = false;
                match self.database.lock_kept_until(&owner, name, now).await? {
                    Some(until) if until >= now + left => {
                        return Err(LockError::Kept(until.saturating_duration_since(now)));
                    }
                    _ if left.is_zero() => return Err(LockError::Held),
                    _ => {}
                }
            }
            // Between half and the whole pause, so that those who wait do not come all at once.
            let jittered = pause.mul_f64(rand::random_range(0.5..=1.0));
            sleep(jittered.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Gives a lock back.
    ///
    /// # Errors
    /// This call does not hold it; the database failed.
    pub async fn release(
        &self,
        principal: &Principal,
        plugin: &str,
        lock: &str,
        holder: &str,
    ) -> Result<(), LockError> {
        let owner = owner(principal, plugin, holder);
        if self
            .database
            .release_lock(&owner, &LockId::new(lock))
            .await?
        {
            Ok(())
        } else {
            Err(LockError::NotHeld)
        }
    }

    /// Leaves a lock behind for `time`: it is nobody's from now on, and outlives the call.
    ///
    /// # Errors
    /// This call does not hold it; the database failed.
    pub async fn keep(
        &self,
        principal: &Principal,
        plugin: &str,
        lock: &str,
        holder: &str,
        time: Duration,
    ) -> Result<(), LockError> {
        let owner = owner(principal, plugin, holder);
        let now = self.clock.now();
        let kept = self
            .database
            .keep_lock(&owner, &LockId::new(lock), now + time, now)
            .await?;
        kept.then_some(()).ok_or(LockError::NotHeld)
    }

    /// Until when this call holds a lock.
    ///
    /// # Errors
    /// It does not hold it; the database failed.
    pub async fn lease(
        &self,
        principal: &Principal,
        plugin: &str,
        lock: &str,
        holder: &str,
    ) -> Result<Timestamp, LockError> {
        let owner = owner(principal, plugin, holder);
        self.database
            .lock_lease(&owner, &LockId::new(lock), self.clock.now())
            .await?
            .ok_or(LockError::NotHeld)
    }

    /// Gives back everything that a call holds; answers how many locks. To be called when a call ends, however it ends; costs
    /// nothing for a call that asked for no lock.
    ///
    /// # Errors
    /// The database failed; the leases then end by themselves.
    pub async fn release_all(
        &self,
        principal: &Principal,
        plugin: &str,
        holder: &str,
    ) -> Result<usize, StoreError> {
        let owner = owner(principal, plugin, holder);
        if !self.holders().remove(&owner) {
            return Ok(0);
        }
        self.database.release_all_locks(&owner).await
    }

    fn holders(&self) -> std::sync::MutexGuard<'_, HashSet<LockOwner>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner(principal: &Principal, plugin: &str, holder: &str) -> LockOwner {
    LockOwner {
        tenant: principal.tenant.clone(),
        plugin: plugin.to_owned(),
        holder: holder.to_owned(),
    }
}
