//! From every earlier version, with data in it.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::open::STEPS;
use super::Place;
use crate::store::SqliteDatabase;

/// What each step made room for, filled.
const DATA: &[&str] = &[
    "INSERT INTO meta VALUES ('index_key', x'0102');
     INSERT INTO tenants VALUES ('ten_a', 'Acme', 'ACME', x'07', 0, 1), ('ten_b', 'Bell', 'BELL', x'08', 1, 2);
     INSERT INTO access_keys VALUES ('k1', 'ten_a', 'master', x'01', x'02', NULL, NULL, 1, NULL),
         ('k2', 'ten_a', 'old', NULL, NULL, '{\"read_only\":true}', 5, 1, 3);
     INSERT INTO secrets VALUES ('ten_a', 'sec_1', 'stores', '[]', 'store:9021', x'03', 1);
     INSERT INTO documents VALUES ('ten_a', 'orders', 'change/1', x'04', 'v1', 'store:9021', 99), ('ten_a', 'stores', '9021', x'05', 'v2', NULL, NULL);
     INSERT INTO locks VALUES ('ten_a', 'orders', 'order/1', 'l1', 'h', 10);
     INSERT INTO buckets VALUES ('endpoint/x', 123456789, 5);
     INSERT INTO first_calls VALUES ('ten_a', 'digest', 1);",
    "INSERT INTO confirmations VALUES (x'0a', 'ten_a', 'preview', 'k1', 'shop_delete', x'0b', x'0c', 50);",
    "INSERT INTO hooks (id, label, tenant, plugin, subject, wrapped_key, keyed, created_at) VALUES (x'11', 'abcd1234', 'ten_a', 'orders', 'store:9021', x'12', 1, 1);
     INSERT INTO unattended_secrets VALUES (x'11', 'ten_a', 'sec_1', x'13');
     INSERT INTO hook_events (hook, identity, sealed, received_at, expires_at) VALUES (x'11', x'14', x'15', 1, 99);
     INSERT INTO hook_handlings (event, plugin, due_at) VALUES (1, 'listener', 5);",
    "INSERT INTO access_keys (id, tenant, name, lookup, wrapped_data_key, created_at, chosen_hash, server_key_version, replaced_by)
         VALUES ('k3', 'ten_a', 'chosen', x'31', x'32', 4, '$2b$12$x', 2, 'k1');",
    "INSERT INTO one_time_links (hash, tenant, purpose, access_key, plugin, tool, arguments, sealed, expires_at)
         VALUES (x'41', 'ten_a', 'secret', 'k1', 'stores', 'stores_register', x'42', x'43', 99);",
    "INSERT INTO audit (seq, at, kind, action, source, hash) VALUES (1, 1, 'call', 'shop_get', 'stdio', x'21');
     INSERT INTO audit_checkpoint VALUES (1, 0, x'', 1, x'22');",
    "INSERT INTO cache_invalidations (process, tenant, plugin, tag, at) VALUES (x'51', 'ten_a', 'orders', 'order/1', 7);",
    "INSERT INTO consents VALUES ('ten_a', 'custom', '', '[]', 'digest', NULL, 'k1', 8);
     INSERT INTO plugin_usage (plugin, calls) VALUES ('orders', 3);",
    "INSERT INTO access_keys (id, tenant, name, lookup, wrapped_data_key, created_at, issuer, subject)
         VALUES ('k4', 'ten_a', 'ada', x'61', x'62', 9, 'https://login.example', 'ada');",
    "INSERT INTO access_keys (id, tenant, name, lookup, wrapped_data_key, created_at)
         VALUES ('k5', 'ten_a', 'agent', x'63', x'64', 10);",
];

type Rows = Vec<BTreeMap<String, Value>>;

/// Every row of every table, column by column.
fn content(connection: &Connection) -> BTreeMap<String, Rows> {
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    tables
        .into_iter()
        .map(|table| {
            let mut statement = connection
                .prepare(&format!("SELECT * FROM {table}"))
                .unwrap();
            let names: Vec<String> = statement
                .column_names()
                .into_iter()
                .map(str::to_owned)
                .collect();
            let rows = statement
                .query_map([], |row| {
                    let columns = names.iter().enumerate();
                    columns
                        .map(|(at, name)| Ok((name.clone(), row.get(at)?)))
                        .collect()
                })
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            (table, rows)
        })
        .collect()
}

fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
    connection
        .prepare("SELECT name, sql FROM sqlite_master ORDER BY name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[tokio::test]
async fn every_earlier_version_is_brought_up_to_date_and_keeps_all_its_rows() {
    assert_eq!(DATA.len(), STEPS.len(), "a new step needs some data here");
    let fresh = Place::new();
    drop(fresh.open().await);
    for version in 1..=STEPS.len() {
        let place = Place::new();
        let old = place.raw();
        for (step, data) in STEPS.iter().zip(DATA).take(version) {
            old.execute_batch(step).unwrap();
            old.execute_batch(data).unwrap();
        }
        let number = i64::try_from(version).unwrap();
        old.pragma_update(None, "user_version", number).unwrap();
        let before = content(&old);
        assert!(before.values().all(|rows| !rows.is_empty()), "{before:?}");
        drop(old);

        drop(SqliteDatabase::open(place.file()).await.unwrap());
        let new = place.raw();
        let after = content(&new);
        for (table, rows) in &before {
            assert_eq!(
                rows.len(),
                after[table].len(),
                "{table} from version {version}"
            );
            for (was, is) in rows.iter().zip(&after[table]) {
                for (column, value) in was {
                    assert_eq!(
                        Some(value),
                        is.get(column),
                        "{table}.{column} from version {version}"
                    );
                }
            }
        }
        assert_eq!(schema(&new), schema(&fresh.raw()), "from version {version}");
        for check in ["PRAGMA foreign_key_check", "PRAGMA integrity_check"] {
            let found: Vec<String> = new
                .prepare(check)
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(found.iter().all(|it| it == "ok"), "{check}: {found:?}");
        }
    }
}
