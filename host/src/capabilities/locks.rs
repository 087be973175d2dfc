//! `locks`: rows with leases in the database, so that they hold across processes.

use std::time::Duration;

use tokio::time::Instant;

use super::context::CallState;
use super::contract::{Error, ErrorKind, locks::Host};
use crate::tenancy::LockError;

/// A lock outlives a killed process by at most this long.
const LONGEST_LEASE: Duration = Duration::from_secs(120);
/// A lock that is left behind keeps others waiting for no longer than that.
const LONGEST_KEPT: Duration = Duration::from_secs(60);
const NAME_BYTES: usize = 200;

impl Host for CallState {
    #[tracing::instrument(level = "debug", name = "locks.acquire", skip_all)]
    async fn acquire(
        &mut self,
        name: String,
        wait_ms: u32,
        lease_ms: u32,
    ) -> Result<String, Error> {
        let call = self.call()?;
        if !self.grantee.locks {
            return Err(Error::not_granted(
                &self.grantee.name,
                "locks",
                "locks = true",
            ));
        }
        call.may_write("Taking a lock")?;
        if name.is_empty() || name.len() > NAME_BYTES {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "bad-lock-name",
                format!("A lock's name has 1 to {NAME_BYTES} bytes."),
            ));
        }
        let left = call.deadline.saturating_duration_since(Instant::now());
        let wait = Duration::from_millis(wait_ms.into()).min(left);
        let lease = Duration::from_millis(lease_ms.into()).min(LONGEST_LEASE);
        let acquiring = self.services.locks.acquire(
            &call.caller.principal,
            &self.grantee.name,
            &name,
            &call.lock_holder,
            wait,
            lease,
        );
        tokio::select! {
            () = call.stopped.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled", "The call was cancelled.")),
            acquired = acquiring => acquired.map(|lock| lock.to_string()).map_err(|error| match error {
                LockError::Held => Error::new(
                    ErrorKind::Conflict,
                    "locked",
                    format!("'{name}' is being changed by another call. Try again in a few seconds."),
                ).retry_after(Duration::from_secs(2)),
                LockError::Kept(left) => Error::new(
                    ErrorKind::Conflict,
                    "lock-kept",
                    format!(
                        "'{name}' was changed by an earlier call whose outcome is not known yet. Look at it in {} seconds.",
                        left.as_secs() + 1
                    ),
                ).retry_after(left),
                other => Error::internal("Taking a lock", &other),
            }),
        }
    }

    #[tracing::instrument(level = "debug", name = "locks.release", skip_all)]
    async fn release(&mut self, lock: String) -> Result<(), Error> {
        let call = self.call()?;
        self.services
            .locks
            .release(
                &call.caller.principal,
                &self.grantee.name,
                &lock,
                &call.lock_holder,
            )
            .await
            .map_err(|error| given_up("Releasing a lock", error))
    }

    #[tracing::instrument(level = "debug", name = "locks.keep", skip_all)]
    async fn keep(&mut self, lock: String, for_ms: u32) -> Result<(), Error> {
        let call = self.call()?;
        call.may_write("Keeping a lock")?;
        let time = Duration::from_millis(for_ms.into()).min(LONGEST_KEPT);
        self.services
            .locks
            .keep(
                &call.caller.principal,
                &self.grantee.name,
                &lock,
                &call.lock_holder,
                time,
            )
            .await
            .map_err(|error| given_up("Keeping a lock", error))
    }
}

fn given_up(what: &str, error: LockError) -> Error {
    match error {
        LockError::NotHeld => Error::new(
            ErrorKind::Conflict,
            "lock-not-held",
            "This call does not hold the lock any more: its lease ran out.",
        ),
        other => Error::internal(what, &other),
    }
}
