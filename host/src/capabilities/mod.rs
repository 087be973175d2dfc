//! What plugins may reach: one file per interface of the contract. Tenant and grant are checked here and nowhere else.

pub mod buckets;
pub mod cache;
mod consent;
pub mod context;
pub mod contract;
mod crypto;
pub mod http;
mod locks;
pub mod log;
mod peers;
pub mod questions;
mod requests;
pub mod sealing;
mod session;
mod storage;
pub mod stored;
pub mod turns;
pub mod usage;

use std::sync::Arc;

use secrecy::SecretString;

use crate::clock::Clock;
use crate::observe::Metrics;
use crate::tenancy::{
    Confirmations, Consents, Documents, Hooks, Links, Locks, LoginLimit, Secrets, Tenancy,
};

/// What all calls share.
pub struct Services {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Tenants and their keys.
    pub tenancy: Arc<Tenancy>,
    /// Sealed secrets.
    pub secrets: Secrets,
    /// Plugins' documents.
    pub documents: Documents,
    /// How much plugins keep.
    pub stored: stored::StoredBytes,
    /// Locks with leases.
    pub locks: Locks,
    /// Tokens of previews, and of calls that asked something.
    pub confirmations: Confirmations,
    /// What tenants agreed to.
    pub consents: Consents,
    /// Hooks, and the events that came through them.
    pub hooks: Hooks,
    /// Links to pages at which calls wait for a person.
    pub links: Links,
    /// Answers worth keeping for a few seconds.
    pub cache: cache::ResponseCache,
    /// Endpoints.
    pub http: http::HttpCapability,
    /// Slows addresses that present keys which are none.
    pub login_limit: Arc<LoginLimit>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Opens what is the operator's alone to read; none: nothing does.
    pub operator_token: Option<SecretString>,
    /// What all instances have together.
    pub guest_memory: Arc<usage::GuestMemory>,
    /// Who may compute, where many want to for long.
    pub turns: Arc<turns::Turns>,
}
