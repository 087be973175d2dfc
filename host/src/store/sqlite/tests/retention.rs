//! No table grows for ever without somebody having thought of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{NOW, Place};
use crate::clock::Timestamp;
use crate::store::{Database, RETENTION, Retention};

const DAY: Duration = Duration::from_secs(86_400);

fn tables(connection: &rusqlite::Connection) -> Vec<String> {
    connection
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[tokio::test]
async fn each_table_has_a_retention_or_a_reason() {
    let place = Place::new();
    drop(place.open().await);
    let declared: Vec<String> = RETENTION
        .iter()
        .map(|(table, _)| (*table).to_owned())
        .collect();
    assert_eq!(
        tables(&place.raw()),
        declared,
        "declare new tables in store/retention.rs, in the order of their names"
    );
    for (table, retention) in RETENTION {
        match retention {
            Retention::Stays(why) => assert!(!why.is_empty()),
            Retention::With(parent) => {
                let cascades: bool = place
                    .raw()
                    .query_row(
                        "SELECT count(*) > 0 FROM pragma_foreign_key_list(?1) WHERE \"table\" = ?2 AND on_delete = 'CASCADE'",
                        [table, parent],
                        |row| row.get(0),
                    )
                    .unwrap();
                assert!(cascades, "{table} does not go with {parent}");
            }
            // The tests below and those of the audit trail.
            Retention::Purged | Retention::Trimmed => {}
        }
    }
}

/// For each purged table, a row that is past its time at [`NOW`], and one that is not: `{}` stands for the time.
fn rows() -> BTreeMap<&'static str, (&'static str, Timestamp, Timestamp)> {
    let soon = NOW + Duration::from_secs(1);
    BTreeMap::from([
        (
            "access_keys",
            (
                "INSERT INTO access_keys (id, tenant, name, created_at, revoked_at) VALUES (hex(randomblob(8)), 'ten_acme', 'k', 0, {})",
                NOW - DAY * 90,
                NOW - DAY * 89,
            ),
        ),
        (
            "buckets",
            (
                "INSERT INTO buckets VALUES (hex(randomblob(8)), 0, {})",
                NOW - DAY,
                soon,
            ),
        ),
        (
            "cache_invalidations",
            (
                "INSERT INTO cache_invalidations (process, tenant, plugin, tag, at) VALUES (x'01', 'ten_acme', 'p', 't', {})",
                NOW - DAY,
                NOW,
            ),
        ),
        (
            "confirmations",
            (
                "INSERT INTO confirmations VALUES (randomblob(32), 'ten_acme', 'preview', 'k', 't', x'00', x'00', {})",
                NOW,
                soon,
            ),
        ),
        (
            "documents",
            (
                "INSERT INTO documents VALUES ('ten_acme', 'n', hex(randomblob(8)), x'00', 'v', NULL, {})",
                NOW,
                soon,
            ),
        ),
        (
            "hook_events",
            (
                "INSERT INTO hook_events (hook, identity, sealed, received_at, expires_at) VALUES (x'01', randomblob(8), x'00', 0, {})",
                NOW,
                soon,
            ),
        ),
        (
            "locks",
            (
                "INSERT INTO locks VALUES ('ten_acme', 'p', hex(randomblob(8)), hex(randomblob(8)), 'h', {})",
                NOW,
                soon,
            ),
        ),
        (
            "one_time_links",
            (
                "INSERT INTO one_time_links (hash, tenant, purpose, access_key, plugin, tool, arguments, sealed, expires_at)
                 VALUES (randomblob(32), 'ten_acme', 'secret', 'k', 'p', 't', x'00', x'00', {})",
                NOW - DAY,
                soon,
            ),
        ),
    ])
}

#[tokio::test]
async fn what_is_past_its_time_goes_and_what_is_not_stays() {
    let rows = rows();
    for (table, retention) in RETENTION {
        let is_tested = rows.contains_key(table);
        assert_eq!(*retention == Retention::Purged, is_tested, "{table}");
    }
    let place = Place::new();
    let database = place.open().await;
    super::tenant(&database, "acme").await;
    let raw = place.raw();
    raw.execute_batch(
        "INSERT INTO hooks (id, label, tenant, plugin, subject, wrapped_key, keyed, created_at)
         VALUES (x'01', 'l', 'ten_acme', 'p', 's', x'00', 0, 0)",
    )
    .unwrap();
    let count = |table: &str| -> i64 {
        raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
    };
    let before: BTreeMap<_, _> = rows.keys().map(|table| (*table, count(table))).collect();
    for (insert, over, soon) in rows.values() {
        for time in [over, soon] {
            raw.execute(&insert.replace("{}", &time.as_millis().to_string()), [])
                .unwrap();
        }
    }
    raw.execute_batch(
        "INSERT INTO hook_handlings (event, plugin, due_at) SELECT id, 'p', 0 FROM hook_events",
    )
    .unwrap();
    assert_eq!(count("hook_handlings"), 2);

    database.purge(NOW).await.unwrap();
    for (table, before) in before {
        assert_eq!(count(table), before + 1, "{table}");
    }
    assert_eq!(count("hook_handlings"), 1, "they go with their event");
    // Times, not chance: a year later the others are gone, too.
    database.purge(NOW + DAY * 365).await.unwrap();
    assert_eq!(
        count("documents") + count("hook_events") + count("locks"),
        0
    );
}
