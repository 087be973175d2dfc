//! How long rows live: each table says what takes them off, or why they may stay. A test holds this against the schema, so that
//! no table grows without somebody having thought of it.

use std::time::Duration;

/// How long an access key that was revoked, or that ended, is still listed.
pub const DEAD_KEYS_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// What takes the rows of a table off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// [`super::Database::purge`], by a time in the row.
    Purged,
    /// [`super::AuditDatabase::trim_audit`], by `[audit] keep`.
    Trimmed,
    /// A row goes with the one in this table to which it belongs (a foreign key).
    With(&'static str),
    /// It does not grow by itself; why.
    Stays(&'static str),
}

/// All tables.
pub const RETENTION: &[(&str, Retention)] = &[
    ("access_keys", Retention::Purged),
    ("audit", Retention::Trimmed),
    ("audit_checkpoint", Retention::Stays("one row")),
    ("buckets", Retention::Purged),
    ("cache_invalidations", Retention::Purged),
    ("confirmations", Retention::Purged),
    (
        "consents",
        Retention::Stays("a row for each plugin that a tenant agreed to, until it withdraws"),
    ),
    ("documents", Retention::Purged),
    (
        "first_calls",
        Retention::Stays(
            "a row for each set-up call of the configuration, and it tells that the call was made",
        ),
    ),
    ("hook_events", Retention::Purged),
    ("hook_handlings", Retention::With("hook_events")),
    (
        "hooks",
        Retention::Stays("an operator makes and deletes them"),
    ),
    ("locks", Retention::Purged),
    ("meta", Retention::Stays("a fixed set of names")),
    ("one_time_links", Retention::Purged),
    (
        "plugin_usage",
        Retention::Stays("a row for each plugin that was ever configured"),
    ),
    (
        "secrets",
        Retention::Stays("a plugin holds each by its handle, and its owner revokes it"),
    ),
    (
        "tenants",
        Retention::Stays("an operator makes and deletes them"),
    ),
    ("unattended_secrets", Retention::With("hooks")),
];
