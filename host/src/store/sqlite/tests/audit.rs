//! The chain of the audit trail, written by several at once.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{NOW, Place};
use crate::store::{
    AUDIT_GENESIS, AuditChain, AuditDatabase, AuditRecord, AuditStep, SqliteDatabase, StoreError,
};

/// Links without a key: enough to see whether rows follow one another.
struct Links;

impl AuditChain for Links {
    fn link(&self, previous: &[u8], row: &[u8]) -> Vec<u8> {
        Sha256::new()
            .chain_update(previous)
            .chain_update(row)
            .finalize()
            .to_vec()
    }

    fn sign(&self, checkpoint: &[u8]) -> Vec<u8> {
        Sha256::digest(checkpoint).to_vec()
    }
}

fn record(action: &str, age: Duration) -> AuditRecord {
    AuditRecord {
        at: NOW - age,
        kind: "call".into(),
        action: action.to_owned(),
        outcome: Some("ok".into()),
        source: "stdio".to_owned(),
        ..AuditRecord::default()
    }
}

/// The actions along the chain; panics where a row does not follow the one before.
async fn walk(database: &SqliteDatabase) -> Vec<String> {
    let seen = Arc::new(Mutex::new((0, AUDIT_GENESIS.to_vec(), Vec::new())));
    let shared = seen.clone();
    let visitor = move |step| {
        let mut seen = shared.lock().unwrap();
        match step {
            AuditStep::Begin(checkpoint) => {
                if let Some(checkpoint) = checkpoint {
                    (seen.0, seen.1) = (checkpoint.seq, checkpoint.hash);
                }
            }
            AuditStep::Row(row) => {
                assert_eq!(row.seq, seen.0 + 1);
                assert_eq!(
                    row.hash,
                    Links.link(&seen.1, &row.record.canonical(row.seq))
                );
                (seen.0, seen.1) = (row.seq, row.hash);
                seen.2.push(row.record.action);
            }
        }
        ControlFlow::Continue(())
    };
    database.walk_audit(Box::new(visitor)).await.unwrap();
    let seen = seen.lock().unwrap();
    seen.2.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chain_runs_through_the_rows_of_all_processes() {
    let place = Arc::new(Place::new());
    let writing: Vec<_> = (0..4)
        .map(|process| {
            let place = place.clone();
            tokio::spawn(async move {
                let database = place.open().await;
                for turn in 0..25 {
                    let records = vec![record(&format!("{process}.{turn}"), Duration::ZERO); 2];
                    let durably = turn % 2 == 0;
                    let numbers = database
                        .append_audit(records, Arc::new(Links), durably)
                        .await
                        .unwrap();
                    assert_eq!(numbers[1], numbers[0] + 1);
                }
            })
        })
        .collect();
    for one in writing {
        one.await.unwrap();
    }
    assert_eq!(walk(&place.open().await).await.len(), 4 * 25 * 2);
}

#[tokio::test]
async fn trimming_takes_off_the_old_end_and_the_chain_goes_on() {
    let place = Place::new();
    let database = place.open().await;
    let day = Duration::from_secs(86_400);
    let chain = || Arc::new(Links);
    let add = async |action: &str, age| {
        database
            .append_audit(vec![record(action, age)], chain(), false)
            .await
            .unwrap()
    };
    add("old", day * 100).await;
    add("old", day * 95).await;
    add("young", day * 10).await;
    // Late from the queue of another process: it stays until what is before it goes.
    add("late", day * 99).await;
    let trim = async |keep, limit| {
        database
            .trim_audit(NOW - keep, limit, chain(), NOW)
            .await
            .unwrap()
    };
    assert_eq!(trim(day * 90, 1).await, 1, "no more than asked for at once");
    assert_eq!(trim(day * 90, 10).await, 1);
    assert_eq!(walk(&database).await, ["young", "late"]);
    assert_eq!(trim(day * 5, 10).await, 2, "all of them");
    assert_eq!(walk(&database).await, [""; 0]);
    assert_eq!(add("new", Duration::ZERO).await, [5], "numbers go on");
    assert_eq!(walk(&place.open().await).await, ["new"]);
    assert_eq!(trim(day * 5, 10).await, 0);
}

#[tokio::test]
async fn a_database_that_cannot_be_written_says_so_and_keeps_what_it_has() {
    let place = Place::new();
    let database = place.open().await;
    let long = AuditRecord {
        arguments: Some("x".repeat(4 << 20)),
        ..record("long", Duration::ZERO)
    };
    let append = async |record: AuditRecord| {
        database
            .append_audit(vec![record], Arc::new(Links), true)
            .await
    };
    append(record("first", Duration::ZERO)).await.unwrap();
    let pragma = async |text: &'static str| {
        let set = move |it: &rusqlite::Transaction<'_>| -> Result<(), StoreError> {
            Ok(it.query_row(text, [], |_| Ok(()))?)
        };
        database.connections.write(set).await.unwrap();
    };
    pragma("PRAGMA max_page_count = 60").await;
    let refused = append(long.clone()).await;
    assert!(matches!(refused, Err(StoreError::Sqlite(_))), "{refused:?}");
    pragma("PRAGMA max_page_count = 1000000").await;
    append(record("again", Duration::ZERO)).await.unwrap();
    assert_eq!(walk(&database).await, ["first", "again"]);
}
