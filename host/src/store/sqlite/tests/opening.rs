//! Files, modes, schema.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::{Place, tenant};
use crate::store::{Database, SqliteDatabase, StoreError};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn everything_that_is_made_belongs_to_the_user_alone() {
    let place = Place::new();
    let directory = place.directory.path().join("not").join("there");
    let database = SqliteDatabase::open(directory.join("host.db"))
        .await
        .unwrap();
    database.meta_or_insert("name", vec![1]).await.unwrap();

    assert_eq!(mode(&directory), 0o700);
    let names: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(
        names.iter().any(|it| it.ends_with("host.db-wal")),
        "{names:?}"
    );
    for name in names {
        assert_eq!(mode(&name), 0o600, "{name:?}");
    }
}

#[tokio::test]
async fn a_database_file_that_others_could_read_is_closed_to_them() {
    let place = Place::new();
    drop(place.open().await);
    std::fs::set_permissions(place.file(), PermissionsExt::from_mode(0o644)).unwrap();
    drop(place.open().await);
    assert_eq!(mode(&place.file()), 0o600);
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let place = Place::new();
    let first = place.open().await;
    let id = tenant(&first, "acme").await;
    drop(first);

    let again = place.open().await;
    again.ping().await.unwrap();
    let tenants = again.tenants().await.unwrap();
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0].id, id);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.open().await);
    place.raw().pragma_update(None, "user_version", 99).unwrap();

    let error = SqliteDatabase::open(place.file()).await.err().unwrap();
    assert!(
        matches!(
            error,
            StoreError::TooNew {
                found: 99,
                known,
                ..
            } if known == super::super::open::STEPS.len()
        ),
        "{error}"
    );
    assert!(error.to_string().contains("newer version"));
    let version: i64 = place
        .raw()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let place = Place::new();
    std::fs::write(
        place.file(),
        "this is not a database, but it is long enough",
    )
    .unwrap();
    let error = SqliteDatabase::open(place.file()).await.err().unwrap();
    assert!(error.to_string().contains("host.db"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_schema_and_agree_on_first_values() {
    let place = Arc::new(Place::new());
    let starting: Vec<_> = (0..8u8)
        .map(|number| {
            let place = Arc::clone(&place);
            tokio::spawn(async move {
                let database = place.open().await;
                database
                    .meta_or_insert("first", vec![number])
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut values = Vec::new();
    for one in starting {
        values.push(one.await.unwrap());
    }
    values.dedup();
    assert_eq!(
        values.len(),
        1,
        "all see the value of the first: {values:?}"
    );
}

#[tokio::test]
async fn foreign_keys_hold_and_the_log_is_a_wal() {
    let place = Place::new();
    let database = place.open().await;
    let stranger = crate::store::TenantId::new("nobody");
    let refused = database
        .mark_first_call(&stranger, "digest", super::NOW)
        .await;
    assert!(matches!(refused, Err(StoreError::Sqlite(_))), "{refused:?}");
    let mode: String = place
        .raw()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_write_lock_held_elsewhere_is_waited_for() {
    let place = Place::new();
    let database = place.open().await;
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (write, ()) = tokio::join!(database.meta_or_insert("name", vec![1]), async {
        tokio::task::yield_now().await;
        other.execute_batch("COMMIT").unwrap();
    });
    assert_eq!(write.unwrap(), vec![1]);
}
