//! The database in one SQLite file, shared by any number of processes on one machine.

mod access_keys;
mod audit;
mod backup;
mod buckets;
mod confirmations;
mod connections;
mod consents;
mod database;
mod documents;
mod hooks;
mod invalidations;
mod kept_events;
mod keys;
mod links;
mod locks;
mod open;
mod recent;
mod secrets;
mod tenants;
mod usage;
mod values;

#[cfg(test)]
mod tests;

pub use backup::{BackupError, Restored, backup, restore};
use connections::Connections;
use recent::Recent;

/// A SQLite file in WAL mode. Cheap to share behind an `Arc`; the file is closed when the last one is dropped.
pub struct SqliteDatabase {
    connections: Connections,
    recent: Recent,
}
