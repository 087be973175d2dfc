//! Copies while the database is in use, and the way back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Place, tenant};
use crate::store::Database;
use crate::store::sqlite::{BackupError, SqliteDatabase, backup, restore};

fn accepted(_: &Path) -> Result<(), BackupError> {
    Ok(())
}

async fn names(file: &Path) -> Vec<String> {
    let database = SqliteDatabase::open(file).await.unwrap();
    let tenants = database.tenants().await.unwrap();
    tenants.into_iter().map(|it| it.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_one_state_of_a_database_that_others_write_meanwhile() {
    let place = Place::new();
    let database = Arc::new(place.open().await);
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (database, stop) = (database.clone(), stop.clone());
        tokio::spawn(async move {
            let mut made = 0;
            while !stop.load(Ordering::SeqCst) {
                // Both or neither are in a copy.
                let pair = [format!("a{made}"), format!("b{made}")];
                let job =
                    move |it: &rusqlite::Transaction<'_>| -> Result<(), crate::store::StoreError> {
                        for name in &pair {
                            it.execute("INSERT INTO meta VALUES (?1, randomblob(500))", [name])?;
                        }
                        Ok(())
                    };
                database.connections.write(job).await.unwrap();
                made += 1;
            }
            made
        })
    };
    for round in 0..5 {
        let target = place.directory.path().join(format!("copy-{round}"));
        let source = place.file();
        let bytes = {
            let target = target.clone();
            tokio::task::spawn_blocking(move || backup(&source, &target))
                .await
                .unwrap()
                .unwrap()
        };
        let metadata = std::fs::metadata(&target).unwrap();
        assert_eq!(metadata.len(), bytes);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        let copy = rusqlite::Connection::open(&target).unwrap();
        let pairs: Vec<(i64, i64)> = copy
            .prepare(
                "SELECT count(*) FILTER (WHERE name GLOB 'a[0-9]*'), count(*) FILTER (WHERE name GLOB 'b[0-9]*') FROM meta",
            )
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(pairs[0].0, pairs[0].1);
    }
    stop.store(true, Ordering::SeqCst);
    assert!(writing.await.unwrap() > 0);
    let again = backup(&place.file(), &place.directory.path().join("copy-0"));
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    let left: Vec<_> = std::fs::read_dir(place.directory.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("partial"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn a_copy_comes_back_into_an_empty_place_and_not_over_data() {
    let (from, to) = (Place::new(), Place::new());
    let copy = from.directory.path().join("copy");
    tenant(&from.open().await, "acme").await;
    backup(&from.file(), &copy).unwrap();

    let restored = restore(&copy, &to.file(), false, accepted).unwrap();
    assert_eq!(restored.kept, None);
    assert_eq!(names(&to.file()).await, ["acme"]);

    tenant(&to.open().await, "newer").await;
    let refused = restore(&copy, &to.file(), false, accepted);
    assert!(matches!(refused, Err(BackupError::NotEmpty(_))));
    assert_eq!(names(&to.file()).await, ["acme", "newer"]);

    let replaced = restore(&copy, &to.file(), true, accepted).unwrap();
    assert_eq!(names(&to.file()).await, ["acme"]);
    assert_eq!(names(&replaced.kept.unwrap()).await, ["acme", "newer"]);
}

#[tokio::test]
async fn a_database_in_use_is_left_alone() {
    let (from, to) = (Place::new(), Place::new());
    let copy = from.directory.path().join("copy");
    drop(from.open().await);
    backup(&from.file(), &copy).unwrap();

    let running = to.open().await;
    tenant(&running, "acme").await;
    let refused = restore(&copy, &to.file(), true, accepted);
    assert!(matches!(refused, Err(BackupError::InUse(_))), "{refused:?}");
    tenant(&running, "later").await;
    drop(running);
    assert_eq!(names(&to.file()).await, ["acme", "later"]);
    restore(&copy, &to.file(), true, accepted).unwrap();
    assert_eq!(names(&to.file()).await, [""; 0]);
}

#[tokio::test]
async fn what_is_no_sound_backup_of_ours_changes_nothing() {
    let (from, to) = (Place::new(), Place::new());
    let path = |name: &str| from.directory.path().join(name);
    let database = from.open().await;
    for number in 0..40 {
        tenant(&database, &format!("t{number}")).await;
    }
    drop(database);
    backup(&from.file(), &path("good")).unwrap();
    tenant(&to.open().await, "stays").await;

    let mut bytes = std::fs::read(path("good")).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0x5a);
    std::fs::write(path("damaged"), &bytes).unwrap();
    bytes.truncate(middle);
    std::fs::write(path("cut"), &bytes).unwrap();
    std::fs::write(path("text"), "no database at all, but long enough for one").unwrap();
    let other = rusqlite::Connection::open(path("other")).unwrap();
    other.execute_batch("CREATE TABLE x (y)").unwrap();
    std::fs::copy(path("good"), path("newer")).unwrap();
    let newer = rusqlite::Connection::open(path("newer")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();

    for name in ["damaged", "cut", "text", "other", "newer", "missing"] {
        let refused = restore(&path(name), &to.file(), true, accepted);
        let error = refused.unwrap_err();
        match name {
            "other" => assert!(matches!(error, BackupError::NotOurs(_)), "{error}"),
            "newer" => assert!(
                matches!(error, BackupError::TooNew { found: 99, .. }),
                "{error}"
            ),
            "missing" => assert!(matches!(error, BackupError::NoDatabase(_)), "{error}"),
            _ => {}
        }
        assert_eq!(names(&to.file()).await, ["stays"], "{name}");
    }
    let refused = restore(&path("good"), &to.file(), true, |_| {
        Err(BackupError::NotOurs("not accepted".into()))
    });
    assert!(refused.is_err());
    assert_eq!(names(&to.file()).await, ["stays"]);
    let left = std::fs::read_dir(to.directory.path()).unwrap();
    let left: Vec<_> = left
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restor"))
        .collect();
    assert_eq!(left, [""; 0], "nothing is left lying about");
}
