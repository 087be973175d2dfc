//! What plugins did and keep, counted for the operator.

use async_trait::async_trait;

use super::StoreError;
use super::identifiers::TenantId;

/// What a plugin did since it was counted last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PluginDeeds {
    /// Calls of its tools that ended.
    pub calls: u64,
    /// Those of them that ended with an error.
    pub failed: u64,
    /// How long they took together.
    pub elapsed_ms: u64,
    /// HTTP requests that they sent.
    pub http_requests: u64,
}

/// What a plugin did and keeps, over all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PluginUsage {
    /// Tenants for which it keeps documents.
    pub tenants: u64,
    /// Documents.
    pub documents: u64,
    /// Bytes of their values, encrypted.
    pub stored_bytes: u64,
    /// Sealed secrets that it owns.
    pub secrets: u64,
    /// Tenants that agreed to it.
    pub consents: u64,
    /// Calls of its tools that ended.
    pub calls: u64,
    /// Those of them that ended with an error.
    pub failed: u64,
    /// How long they took together.
    pub elapsed_ms: u64,
    /// HTTP requests that they sent.
    pub http_requests: u64,
}

/// The part of a database that counts.
#[async_trait]
pub trait UsageDatabase: Send + Sync {
    /// Adds what plugins did.
    async fn count_deeds(&self, deeds: Vec<(String, PluginDeeds)>) -> Result<(), StoreError>;

    /// Bytes of the values that a plugin keeps for one tenant, encrypted.
    async fn stored_bytes(&self, tenant: &TenantId, plugin: &str) -> Result<u64, StoreError>;

    /// What a plugin did and keeps.
    async fn plugin_usage(&self, plugin: &str) -> Result<PluginUsage, StoreError>;
}
