//! `session`: who calls, what the call is about, what it may still use.

use std::sync::PoisonError;

use secrecy::SecretString;

use super::context::{CallContext, CallState};
use super::contract::{
    Error, ErrorKind,
    session::{Caller, Host},
};

/// Longer than any sensible subject.
const SUBJECT_BYTES: usize = 200;

impl CallContext {
    fn caller(&self) -> Caller {
        let principal = &self.caller.principal;
        Caller {
            tenant: self.opaque_tenant(),
            key_id: principal.key.to_string(),
            read_only: self.read_only,
            single_client: self.caller.single_client,
            client: self.caller.client.clone(),
        }
    }

    /// Different for each plugin, so that two of them cannot compare notes about a tenant.
    fn opaque_tenant(&self) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::new()
            .chain_update(self.tenant())
            .chain_update([0])
            .chain_update(&self.grantee.name)
            .finalize();
        crate::store::hex(&digest[..12])
    }
}

impl Host for CallState {
    async fn current(&mut self) -> Option<Caller> {
        self.call.as_ref().map(|call| call.caller())
    }

    #[tracing::instrument(level = "debug", name = "session.authenticate", skip_all)]
    async fn authenticate(&mut self, key: String) -> Result<Caller, Error> {
        let call = self.call()?;
        let presented: SecretString = call.secrets.session_secret(&key).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "not-a-key",
                "Only a key that came in as an argument of this call can be checked.",
            )
        })?;
        let tenancy = &self.services.tenancy;
        let refused = || {
            // A guess is a guess, wherever it is made.
            tenancy.note_failed_login(call.caller.source);
            if let Some(wait) = self.services.login_limit.slowed(call.caller.source) {
                return Error::new(
                    ErrorKind::RateLimited,
                    "too-many-failed-keys",
                    "Too many keys from this address were not valid; a valid one is always accepted.",
                )
                .retry_after(wait);
            }
            Error::new(
                ErrorKind::Unauthorized,
                "key-refused",
                "This is not a valid key of your tenant. Check that it was copied whole; the tenant in use has not changed.",
            )
        };
        let principal = tenancy.authenticate(&presented).await.map_err(|error| {
            if error.is_refusal() {
                refused()
            } else {
                self.services.metrics.authenticated("unavailable");
                Error::internal("Checking a key", &error)
            }
        })?;
        if principal.tenant != call.caller.principal.tenant {
            return Err(refused());
        }
        self.services.metrics.authenticated("accepted");
        Ok(call.caller())
    }

    #[tracing::instrument(level = "debug", name = "session.act_on", skip_all)]
    async fn act_on(&mut self, subject: String) -> Result<(), Error> {
        let call = self.call()?;
        if subject.is_empty()
            || subject.len() > SUBJECT_BYTES
            || subject.chars().any(char::is_control)
        {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "bad-subject",
                "A subject is a short text such as 'store:9021'.",
            ));
        }
        if !call.caller.principal.scopes.covers_subject(&subject) {
            // The same answer as for something that does not exist.
            return Err(Error::new(
                ErrorKind::NotFound,
                "subject-not-found",
                format!("There is no '{subject}' within reach of this key."),
            ));
        }
        *call.subject.lock().unwrap_or_else(PoisonError::into_inner) = Some(subject);
        Ok(())
    }

    async fn time_left_ms(&mut self) -> u32 {
        self.call.as_ref().map_or(0, |call| {
            u32::try_from(call.time_left().as_millis()).unwrap_or(u32::MAX)
        })
    }

    async fn cancelled(&mut self) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| call.winds_up || call.cancelled.is_cancelled())
    }

    async fn progress(&mut self, done: f64, total: Option<f64>, message: String) {
        if let Some(sink) = self.call.as_ref().and_then(|call| call.progress.clone()) {
            sink.progress(done, total, &message);
        }
    }

    async fn askable(&mut self) -> Vec<String> {
        let askable = self.call.as_ref().map(|call| call.askable);
        let kinds = askable.unwrap_or_default().kinds();
        kinds.map(|kind| kind.name().to_owned()).collect()
    }

    async fn settings(&mut self) -> String {
        self.grantee.settings.clone()
    }
}
