//! Hooks: URLs through which requests come in from outside, the events that they brought, and who handles those.

use async_trait::async_trait;

use super::StoreError;
use super::identifiers::TenantId;
use crate::clock::Timestamp;

/// SHA-256 of a hook's id: what the database knows it by.
pub type HookHash = Vec<u8>;

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRecord {
    /// What it is found by.
    pub hash: HookHash,
    /// The first digits of its id, for lists.
    pub label: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The plugin that judges its requests.
    pub plugin: String,
    /// What they are about.
    pub subject: String,
    /// The hook's own key, wrapped by the server key.
    pub wrapped_key: Vec<u8>,
    /// The number of the server key that wrapped it.
    pub server_key_version: u32,
    /// The secret that may be used while nobody calls.
    pub unattended: Option<UnattendedRecord>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is kept of a secret for use while nobody calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnattendedRecord {
    /// The secret that it was made of: both go together.
    pub handle: String,
    /// The ciphertext.
    pub sealed: Vec<u8>,
}

/// A hook as it is listed, with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSummary {
    /// What it is found by.
    pub hash: HookHash,
    /// The first digits of its id.
    pub label: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// The plugin that judges its requests.
    pub plugin: String,
    /// What they are about.
    pub subject: String,
    /// The secret that it was made with was replaced or removed, so it refuses every request.
    pub needs_key: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Requests that became events.
    pub accepted: u64,
    /// Requests that had come before.
    pub repeated: u64,
    /// Requests that were refused.
    pub rejected: u64,
    /// When the last one was judged.
    pub last_at: Option<Timestamp>,
    /// And how.
    pub last_verdict: Option<String>,
    /// Handlings that are still to be done or repeated.
    pub waiting: u64,
    /// Handlings that were given up.
    pub failed: u64,
    /// The machine word of the newest failure.
    pub last_error: Option<String>,
}

/// An event to be kept.
#[derive(Debug, Clone)]
pub struct NewHookEvent {
    /// The hook that it came through.
    pub hook: HookHash,
    /// What makes it the same as another of this hook, as a keyed digest.
    pub identity: Vec<u8>,
    /// The ciphertext.
    pub sealed: Vec<u8>,
    /// The plugins that are to handle it.
    pub handlers: Vec<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What came of keeping an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKept {
    /// It is there, and waits to be handled.
    New(i64),
    /// It was there before.
    Repeated,
    /// The hook was removed meanwhile.
    NoHook,
}

/// An event that a plugin is to handle now; nobody else does before the lease is over.
#[derive(Debug, Clone)]
pub struct ClaimedHandling {
    /// The event.
    pub event: i64,
    /// The plugin.
    pub plugin: String,
    /// How often it is tried, this time included.
    pub attempts: u32,
    /// When it came.
    pub received_at: Timestamp,
    /// The ciphertext.
    pub sealed: Vec<u8>,
    /// What makes the event the same as another; the ciphertext is bound to it.
    pub identity: Vec<u8>,
    /// The hook that it came through.
    pub hook: HookRecord,
    /// The name of the tenant.
    pub tenant_name: String,
}

/// How an attempt to handle an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlingEnd {
    /// Well.
    Done,
    /// It is tried again at this time; the word says why.
    Again(Timestamp, String),
    /// It is given up; the word says why.
    Failed(String),
}

/// The part of a database that keeps hooks.
#[async_trait]
pub trait HookDatabase: Send + Sync {
    /// Keeps a new hook, together with its unattended secret; false if the secret is gone.
    async fn insert_hook(&self, hook: HookRecord) -> Result<bool, StoreError>;

    /// Gives a hook another unattended secret; false if hook or secret is gone.
    async fn renew_hook(
        &self,
        hook: &HookHash,
        unattended: UnattendedRecord,
    ) -> Result<bool, StoreError>;

    /// The hook with this hash and the name of its tenant, unless that is suspended.
    async fn hook(&self, hash: HookHash) -> Result<Option<(HookRecord, String)>, StoreError>;

    /// The hooks of a tenant, or all, oldest first.
    async fn hooks(&self, tenant: Option<TenantId>) -> Result<Vec<HookSummary>, StoreError>;

    /// Removes a hook with all that came through it; false if there is none.
    async fn remove_hook(&self, hash: HookHash) -> Result<bool, StoreError>;

    /// Counts a request that was refused.
    async fn note_hook_rejection(
        &self,
        hash: HookHash,
        verdict: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Whether an event of this identity came through the hook before.
    async fn knows_event(&self, hash: HookHash, identity: Vec<u8>) -> Result<bool, StoreError>;

    /// Keeps an event, if it is a new one, and that it is to be handled.
    async fn keep_hook_event(&self, event: NewHookEvent) -> Result<EventKept, StoreError>;

    /// Up to `limit` handlings that are due, for these plugins; nobody else gets them before `lease_until`.
    async fn claim_handlings(
        &self,
        plugins: Vec<String>,
        limit: u32,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<ClaimedHandling>, StoreError>;

    /// Notes how an attempt ended, unless the lease was over and somebody else tries.
    async fn finish_handling(
        &self,
        event: i64,
        plugin: &str,
        attempts: u32,
        end: HandlingEnd,
    ) -> Result<(), StoreError>;

    /// When the next handling for one of these plugins is due.
    async fn next_handling_due(
        &self,
        plugins: Vec<String>,
    ) -> Result<Option<Timestamp>, StoreError>;
}
