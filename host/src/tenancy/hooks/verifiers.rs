//! What checks signatures while nobody of the tenant is present: made while somebody was, kept under the hook's key.

use secrecy::ExposeSecret;

use super::{HookError, Hooks, bound, check_reach, of_hook};
use crate::store::{HookHash, HookRecord, HookSummary, UnattendedRecord};
use crate::tenancy::cipher::{self, CipherError, KeyBytes};
use crate::tenancy::hmac_verifier::HmacVerifier;
use crate::tenancy::principal::Principal;

const VERIFIER_PURPOSE: &str = "v1 unattended HMAC verifier";

impl Hooks {
    /// Lets a hook check signatures with the secret that its subject has now: after that was replaced.
    ///
    /// # Errors
    /// There is no such hook of this tenant, or no such secret; the database failed.
    pub async fn renew(
        &self,
        principal: &Principal,
        hook: &HookSummary,
        owners: &[String],
    ) -> Result<(), HookError> {
        let act = of_hook("webhooks.renew", hook);
        let renewed = self.renew_now(principal, hook, owners);
        self.audit.administer(act, renewed, |(), _| {}).await
    }

    async fn renew_now(
        &self,
        principal: &Principal,
        hook: &HookSummary,
        owners: &[String],
    ) -> Result<(), HookError> {
        check_reach(principal, &hook.subject)?;
        let found = self
            .database
            .hook(hook.hash.clone())
            .await?
            .filter(|(record, _)| record.tenant == principal.tenant)
            .ok_or_else(|| HookError::NotFound(hook.label.clone()))?;
        let key = self.unwrap(&found.0).await?;
        let unattended = self
            .unattended(
                principal,
                &hook.hash,
                &key,
                &hook.plugin,
                &hook.subject,
                owners,
            )
            .await?;
        if self.database.renew_hook(&hook.hash, unattended).await? {
            Ok(())
        } else {
            Err(no_secret(&hook.plugin, &hook.subject))
        }
    }

    /// Opens the secret once, while somebody of the tenant is present, and keeps what checks HMACs with it.
    pub(super) async fn unattended(
        &self,
        principal: &Principal,
        hash: &HookHash,
        key: &KeyBytes,
        plugin: &str,
        subject: &str,
        owners: &[String],
    ) -> Result<UnattendedRecord, HookError> {
        let handle = self
            .secrets
            .for_hmac(principal, plugin, subject, owners)
            .await?
            .ok_or_else(|| no_secret(plugin, subject))?;
        let opened = self
            .secrets
            .open_hmac(principal, plugin, &handle, Some(subject))
            .await?;
        let verifier = HmacVerifier::of(opened.plaintext.expose_secret());
        let bound = bound(VERIFIER_PURPOSE, &principal.tenant, hash).and(handle.as_bytes());
        Ok(UnattendedRecord {
            sealed: cipher::seal(key, &bound, &verifier.to_bytes())?,
            handle,
        })
    }
}

/// The handle of the secret that a hook checks with, and what checks; none if there is none.
pub(super) fn open(
    record: &HookRecord,
    key: &KeyBytes,
) -> Result<Option<(String, HmacVerifier)>, HookError> {
    let Some(UnattendedRecord { handle, sealed }) = &record.unattended else {
        return Ok(None);
    };
    let bound = bound(VERIFIER_PURPOSE, &record.tenant, &record.hash).and(handle.as_bytes());
    let bytes = cipher::open(key, &bound, sealed)?;
    let verifier = HmacVerifier::from_bytes(&bytes).ok_or(CipherError::Refused)?;
    Ok(Some((handle.clone(), verifier)))
}

pub(super) fn no_secret(plugin: &str, subject: &str) -> HookError {
    HookError::NoSecret {
        plugin: plugin.to_owned(),
        subject: subject.to_owned(),
    }
}
