//! Hooks: the URLs through which requests come in while nobody of the tenant is present.
//!
//! A hook has a random key of its own, wrapped by the server key alone. Under it stand the hook's events and what is needed to
//! check signatures ([`HmacVerifier`]: not the secret itself). Nothing else of the tenant opens through it: who steals database
//! and server key can read these events and forge such requests, and can do nothing with the tenant's secrets or documents.
//! Removing a hook removes its key, and with it all that was encrypted under it.

mod events;
mod verifiers;

use std::fmt;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::audit::{Audit, Ending, Entry};
use super::cipher::{self, Binding, CipherError, KeyBytes};
use super::hmac_verifier::HmacVerifier;
use super::keyring::{Keyring, KeyringError};
use super::principal::Principal;
use super::secrets::{SecretError, Secrets};
use super::service::Tenancy;
use crate::clock::Clock;
use crate::store::{Database, HookHash, HookRecord, HookSummary, StoreError, TenantId, random_hex};

pub use events::{Handling, HookEvent};

/// A hook's id: 128 random bits in hexadecimal.
const ID_DIGITS: usize = 32;
/// Of these, lists show so many: 96 bits stay unknown.
const LABEL_DIGITS: usize = 8;

/// Makes, finds and removes hooks, and keeps what comes through them.
#[derive(Clone)]
pub struct Hooks {
    pub(super) database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    keyring: Arc<Keyring>,
    audit: Audit,
}

/// A hook that was found: whoever holds it can check signatures for it, and read and write its events.
pub struct Hook {
    /// What the database knows it by.
    pub hash: HookHash,
    /// How lists and logs name it.
    pub label: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// The plugin that judges its requests.
    pub plugin: String,
    /// What they are about.
    pub subject: String,
    /// The handle of the secret that it checks signatures with, and what checks them; none if it was made without, or if
    /// the secret is gone.
    pub key: Option<(String, HmacVerifier)>,
    cipher: KeyBytes,
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hook({} of {})", self.label, self.tenant)
    }
}

/// Why there is no hook, or nothing could be done with it.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The tenant has no such secret.
    #[error(
        "no secret of '{subject}' may be used by '{plugin}' to check signatures: enter it first by the tool that takes it, or enter \
         it again if that was done before this plugin could check any"
    )]
    NoSecret {
        /// The plugin.
        plugin: String,
        /// What it would have to belong to.
        subject: String,
    },
    /// The access key may not do that.
    #[error("this access key may only read, or does not reach '{0}'")]
    OutOfReach(String),
    /// Nothing like a hook's id, its first digits or its URL, or there is no such hook.
    #[error("there is no hook '{0}'; see: orderdesk-mcp webhooks list")]
    NotFound(String),
    /// The digits are those of several.
    #[error("several hooks begin with '{0}'; give the whole id, or its URL")]
    Ambiguous(String),
    /// The server key was changed, and this process has not the new one.
    #[error(transparent)]
    ServerKey(#[from] KeyringError),
    /// Its secret does not open.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Nothing can be encrypted, or what is stored was altered.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hooks {
    /// Hooks in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>, tenancy: &Tenancy) -> Self {
        Self {
            secrets: Secrets::new(database.clone(), clock.clone()),
            keyring: tenancy.keyring.clone(),
            database,
            clock,
            audit: tenancy.audit().clone(),
        }
    }

    /// Makes a hook for this plugin and subject and answers its id, which is kept nowhere. With `owners`, it may check
    /// signatures with the newest secret of the subject that one of these plugins keeps and that was sealed for this.
    ///
    /// # Errors
    /// The access key does not reach the subject, or there is no such secret; the database failed.
    pub async fn create(
        &self,
        principal: &Principal,
        plugin: &str,
        subject: &str,
        owners: Option<&[String]>,
    ) -> Result<String, HookError> {
        let act = Entry {
            subject: Some(subject.to_owned()),
            plugin: Some(plugin.to_owned()),
            ..Entry::act(
                "webhooks.create",
                Some(&principal.tenant),
                json!({"made_with": principal.key}),
            )
        };
        let made = self.create_now(principal, plugin, subject, owners);
        // Never the id: who knows it can send.
        let tell = |id: &String, ending: &mut Ending| {
            ending.details = id
                .get(..LABEL_DIGITS)
                .map(|label| json!({"hook_id": label}));
        };
        self.audit.administer(act, made, tell).await
    }

    async fn create_now(
        &self,
        principal: &Principal,
        plugin: &str,
        subject: &str,
        owners: Option<&[String]>,
    ) -> Result<String, HookError> {
        check_reach(principal, subject)?;
        let id = random_hex();
        let hash = hash(&id);
        let key = cipher::random_key()?;
        let unattended = match owners {
            Some(owners) => Some(
                self.unattended(principal, &hash, &key, plugin, subject, owners)
                    .await?,
            ),
            None => None,
        };
        let mut layers = self.keyring.layers();
        loop {
            let record = HookRecord {
                label: id[..LABEL_DIGITS].to_owned(),
                tenant: principal.tenant.clone(),
                plugin: plugin.to_owned(),
                subject: subject.to_owned(),
                wrapped_key: layers.wrap_hook_key(&principal.tenant, &hash, &key)?,
                server_key_version: layers.version(),
                unattended: unattended.clone(),
                created_at: self.clock.now(),
                hash: hash.clone(),
            };
            match self.database.insert_hook(record).await {
                Ok(true) => return Ok(id),
                Ok(false) => return Err(verifiers::no_secret(plugin, subject)),
                Err(StoreError::ServerKeyChanged { stands }) => {
                    layers = self.keyring.layers_of(stands).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The hook with this id. One look-up; none too for one of a suspended tenant.
    ///
    /// # Errors
    /// What is stored was altered; the database failed.
    pub async fn find(&self, id: &str) -> Result<Option<Hook>, HookError> {
        if !is_id(id) {
            return Ok(None);
        }
        match self.database.hook(hash(id)).await? {
            Some((record, tenant_name)) => self.open(record, tenant_name).await.map(Some),
            None => Ok(None),
        }
    }

    /// The hooks of a tenant, or all.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self, tenant: Option<&TenantId>) -> Result<Vec<HookSummary>, StoreError> {
        self.database.hooks(tenant.cloned()).await
    }

    /// The hook that a person means: by its id, its URL, or the digits that lists show.
    ///
    /// # Errors
    /// There is none, or several; the database failed.
    pub async fn named(&self, text: &str) -> Result<HookSummary, HookError> {
        let text = text.trim().trim_end_matches('/');
        let id = text.rsplit('/').next().unwrap_or(text);
        // Never the whole of what was given: it may be an id.
        let shown: String = id.chars().take(LABEL_DIGITS).collect();
        let hash = hash(id);
        let mut found: Vec<_> = self
            .list(None)
            .await?
            .into_iter()
            .filter(|hook| hook.hash == hash || hook.label == id)
            .collect();
        match (found.pop(), found.pop()) {
            (Some(hook), None) => Ok(hook),
            (None, _) => Err(HookError::NotFound(shown)),
            (Some(_), Some(_)) => Err(HookError::Ambiguous(shown)),
        }
    }

    /// Removes a hook, its key, and all that came through it; false if it was gone.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove(&self, hash: &HookHash) -> Result<bool, StoreError> {
        let hooks = self.database.hooks(None).await?;
        let Some(hook) = hooks.into_iter().find(|hook| hook.hash == *hash) else {
            return Ok(false);
        };
        let act = of_hook("webhooks.delete", &hook);
        let removed = self.database.remove_hook(hash.clone());
        self.audit.administer(act, removed, |_, _| {}).await
    }

    /// Counts a request that was refused; the word says why.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_rejection(&self, hook: &Hook, verdict: &str) -> Result<(), StoreError> {
        self.database
            .note_hook_rejection(hook.hash.clone(), verdict, self.clock.now())
            .await
    }

    pub(super) async fn open(
        &self,
        record: HookRecord,
        tenant_name: String,
    ) -> Result<Hook, HookError> {
        let cipher = self.unwrap(&record).await?;
        let key = verifiers::open(&record, &cipher)?;
        Ok(Hook {
            hash: record.hash,
            label: record.label,
            tenant: record.tenant,
            tenant_name,
            plugin: record.plugin,
            subject: record.subject,
            key,
            cipher,
        })
    }

    async fn unwrap(&self, record: &HookRecord) -> Result<KeyBytes, HookError> {
        let layers = self.keyring.layers_of(record.server_key_version).await?;
        Ok(layers.unwrap_hook_key(&record.tenant, &record.hash, &record.wrapped_key)?)
    }
}

impl Hook {
    /// Who acts where a request or an event of this hook is handled: the tenant, within the hook's subject, with no access key,
    /// so that nothing opens which is encrypted for the tenant.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn principal(&self) -> Result<Principal, CipherError> {
        Principal::unattended(
            self.tenant.clone(),
            self.tenant_name.clone(),
            format!("webhook:{}", self.label),
            vec![self.subject.clone()],
        )
    }
}

fn of_hook(action: &str, hook: &HookSummary) -> Entry {
    Entry {
        subject: Some(hook.subject.clone()),
        plugin: Some(hook.plugin.clone()),
        ..Entry::act(action, Some(&hook.tenant), json!({"hook_id": hook.label}))
    }
}

fn check_reach(principal: &Principal, subject: &str) -> Result<(), HookError> {
    if principal.scopes.read_only || !principal.scopes.covers_subject(subject) {
        return Err(HookError::OutOfReach(subject.to_owned()));
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS
        && text
            .bytes()
            .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

fn hash(id: &str) -> HookHash {
    Sha256::digest(id.as_bytes()).to_vec()
}

fn bound(purpose: &str, tenant: &TenantId, hash: &HookHash) -> Binding {
    Binding::to(purpose)
        .and(tenant.as_str().as_bytes())
        .and(hash)
}
