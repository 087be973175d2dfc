//! The database on real files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod backup;
mod buckets;
mod contention;
mod documents;
mod keys;
mod locks;
mod migrations;
mod opening;
mod retention;

use std::path::PathBuf;

use tempfile::TempDir;

use super::SqliteDatabase;
use crate::clock::Timestamp;
use crate::store::{Database, NewAccessKey, TenantId, TenantRecord};

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A data directory that goes with the test.
pub(super) struct Place {
    directory: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.directory.path().join("host.db")
    }

    /// As another process would: connections of its own.
    pub(super) async fn open(&self) -> SqliteDatabase {
        SqliteDatabase::open(self.file()).await.unwrap()
    }

    /// What an intruder or an older program would see and do.
    pub(super) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }
}

pub(super) fn access_key(id: &str) -> NewAccessKey {
    NewAccessKey {
        id: crate::store::KeyId::new(id),
        lookup: format!("lookup of {id}").into_bytes(),
        wrapped_data_key: b"wrapped".to_vec(),
        server_key_version: 0,
        chosen_hash: None,
        name: "master".into(),
        scopes: None,
        expires_at: None,
        created_at: NOW,
        identity: None,
    }
}

pub(super) async fn tenant(database: &SqliteDatabase, name: &str) -> TenantId {
    let id = TenantId::new(format!("ten_{name}"));
    let record = TenantRecord {
        id: id.clone(),
        name: name.into(),
        salt: vec![7; 32],
        suspended: false,
        created_at: NOW,
    };
    database
        .insert_tenant(record, name.to_uppercase(), access_key(name))
        .await
        .unwrap();
    id
}
