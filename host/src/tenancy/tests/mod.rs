//! Tenancy on real database files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access_keys;
mod at_rest;
mod audit;
mod authentication;
mod chosen_keys;
mod confirmations;
mod consents;
mod documents;
mod hooks;
mod identities;
mod links;
mod locks;
mod rotation;
mod secrets;
mod server_key;
mod server_key_change;
mod tenants;
mod wrapping;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::{
    AccessKey, Confirmations, CreatedTenant, Documents, Locks, Principal, Scopes, Secrets,
    ServerKey, Tenancy,
};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::store::{Database, SqliteDatabase};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// One installation: a data directory, a server key, a clock that stands still.
struct House {
    directory: TempDir,
    server_key: String,
    clock: ManualClock,
}

/// One process of it.
struct Process {
    database: Arc<dyn Database>,
    tenancy: Tenancy,
    secrets: Secrets,
    documents: Documents,
    locks: Arc<Locks>,
    confirmations: Confirmations,
}

impl House {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            server_key: "A".repeat(43),
            clock: ManualClock::at(NOW),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("host.db")
    }

    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }

    async fn database(&self) -> Arc<dyn Database> {
        Arc::new(SqliteDatabase::open(self.file()).await.unwrap())
    }

    async fn start(&self) -> Process {
        let database = self.database().await;
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let server_key = ServerKey::from_base64(&self.server_key).unwrap();
        let tenancy = Tenancy::open(Arc::clone(&database), server_key, Arc::clone(&clock))
            .await
            .unwrap();
        Process {
            secrets: Secrets::new(Arc::clone(&database), Arc::clone(&clock)),
            documents: Documents::new(Arc::clone(&database), Arc::clone(&clock)),
            locks: Arc::new(Locks::new(Arc::clone(&database), Arc::clone(&clock))),
            confirmations: Confirmations::new(Arc::clone(&database), clock),
            database,
            tenancy,
        }
    }
}

impl Process {
    async fn tenant(&self, name: &str) -> (CreatedTenant, Principal) {
        let created = self.tenancy.create_tenant(name).await.unwrap();
        let principal = self.enter(&created.master_key).await;
        (created, principal)
    }

    async fn enter(&self, key: &AccessKey) -> Principal {
        self.tenancy.authenticate(&presented(key)).await.unwrap()
    }

    async fn limited_to(&self, maker: &Principal, subject: &str) -> Principal {
        let scopes = Scopes {
            subjects: Some(vec![subject.to_owned()]),
            ..Scopes::default()
        };
        let created = self
            .tenancy
            .create_access_key(maker, "limited", scopes, None)
            .await
            .unwrap();
        self.enter(&created.key).await
    }
}

/// As it comes in a request.
fn presented(key: &AccessKey) -> SecretString {
    SecretString::from(key.expose_secret())
}

const A_DAY: Duration = Duration::from_secs(86_400);
