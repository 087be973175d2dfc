//! Versions, conditions, expiry, scans.

use std::time::Duration;

use super::{NOW, Place, tenant};
use crate::clock::Timestamp;
use crate::store::{
    Change, CommitError, Condition, Content, Database, Scan, SqliteDatabase, TenantId, Write,
};

fn content(value: &str) -> Content {
    Content {
        value: value.into(),
        subject: None,
        expires_at: None,
    }
}

pub(super) fn put(key: &str, value: &str, condition: Condition) -> Write {
    Write {
        key: key.into(),
        change: Change::Put(content(value)),
        condition,
    }
}

fn remove(key: &str) -> Write {
    Write {
        key: key.into(),
        change: Change::Remove,
        condition: Condition::None,
    }
}

fn expiring(key: &str, at: Timestamp) -> Write {
    let expires_at = Some(at);
    Write {
        change: Change::Put(Content {
            expires_at,
            ..content("short")
        }),
        ..put(key, "", Condition::None)
    }
}

fn of_subject(key: &str, subject: &str) -> Write {
    let subject = Some(subject.into());
    Write {
        change: Change::Put(Content {
            subject,
            ..content("of a subject")
        }),
        ..put(key, "", Condition::None)
    }
}

pub(super) async fn commit(
    database: &SqliteDatabase,
    tenant: &TenantId,
    writes: Vec<Write>,
) -> Result<Vec<Option<String>>, CommitError> {
    database.commit(tenant, "orders", writes, None, NOW).await
}

async fn keys(database: &SqliteDatabase, scan: Scan) -> Vec<String> {
    let found = database.scan(scan, NOW).await.unwrap();
    found.into_iter().map(|document| document.key).collect()
}

fn scan(tenant: &TenantId, prefix: &str) -> Scan {
    Scan {
        tenant: tenant.clone(),
        namespace: "orders".into(),
        prefix: prefix.into(),
        after: None,
        limit: 100,
        subjects: None,
    }
}

#[tokio::test]
async fn a_version_never_comes_back_not_even_after_a_removal() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(
            commit(&database, &tenant, vec![put("k", "same", Condition::None)])
                .await
                .unwrap()[0]
                .clone()
                .unwrap(),
        );
        let removed = commit(&database, &tenant, vec![remove("k")]).await.unwrap();
        assert_eq!(removed, vec![None]);
    }
    let stale = Condition::Version(seen[0].clone());
    commit(&database, &tenant, vec![put("k", "new", Condition::Absent)])
        .await
        .unwrap();
    let refused = commit(&database, &tenant, vec![put("k", "stale", stale)]).await;
    assert!(matches!(refused, Err(CommitError::Conflict { key }) if key == "k"));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_commit_is_all_or_nothing_and_names_the_first_key_that_failed() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    commit(&database, &tenant, vec![put("b", "1", Condition::None)])
        .await
        .unwrap();

    let refused = commit(
        &database,
        &tenant,
        vec![
            put("a", "1", Condition::Absent),
            put("b", "2", Condition::Absent),
            put("c", "2", Condition::Version("no such".into())),
        ],
    )
    .await;
    assert!(matches!(refused, Err(CommitError::Conflict { key }) if key == "b"));
    assert_eq!(keys(&database, scan(&tenant, "")).await, ["b"]);
    let b = database
        .document(&tenant, "orders", "b", NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(b.value, b"1");
}

#[tokio::test]
async fn later_writes_of_a_commit_see_the_earlier_ones() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let versions = commit(
        &database,
        &tenant,
        vec![
            put("k", "1", Condition::Absent),
            remove("k"),
            put("k", "2", Condition::Absent),
        ],
    )
    .await
    .unwrap();
    let document = database
        .document(&tenant, "orders", "k", NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(document.value, b"2");
    assert_eq!(
        versions,
        vec![versions[0].clone(), None, Some(document.version)]
    );
}

#[tokio::test]
async fn tenants_and_namespaces_do_not_see_each_other() {
    let place = Place::new();
    let database = place.open().await;
    let (one, two) = (tenant(&database, "a").await, tenant(&database, "b").await);
    commit(&database, &one, vec![put("k", "1", Condition::None)])
        .await
        .unwrap();
    assert_eq!(
        database.document(&two, "orders", "k", NOW).await.unwrap(),
        None
    );
    assert_eq!(
        database.document(&one, "stores", "k", NOW).await.unwrap(),
        None
    );
    assert!(keys(&database, scan(&two, "")).await.is_empty());
}

#[tokio::test]
async fn an_expired_document_is_as_if_absent_and_purged_later() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let end = NOW + Duration::from_secs(60);
    let version = commit(&database, &tenant, vec![expiring("k", end)])
        .await
        .unwrap()[0]
        .clone()
        .unwrap();

    let just_before = end - Duration::from_millis(1);
    assert!(
        database
            .document(&tenant, "orders", "k", just_before)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        database
            .document(&tenant, "orders", "k", end)
            .await
            .unwrap(),
        None
    );
    assert!(
        database
            .scan(scan(&tenant, ""), end)
            .await
            .unwrap()
            .is_empty()
    );

    let with_version = vec![put("k", "late", Condition::Version(version))];
    let refused = database
        .commit(&tenant, "orders", with_version, None, end)
        .await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })));
    let absent = vec![put("k", "fresh", Condition::Absent)];
    database
        .commit(&tenant, "orders", absent, None, end)
        .await
        .unwrap();
    assert_eq!(
        database.purge(end).await.unwrap().documents,
        0,
        "the fresh one does not expire"
    );

    commit(&database, &tenant, vec![expiring("old", end)])
        .await
        .unwrap();
    assert_eq!(database.purge(just_before).await.unwrap().documents, 0);
    assert_eq!(database.purge(end).await.unwrap().documents, 1);
    assert_eq!(keys(&database, scan(&tenant, "")).await, ["k"]);
}

#[tokio::test]
async fn a_prefix_is_taken_letter_by_letter() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let all = [
        "%a",
        "%b",
        "_a",
        "a%",
        "a*",
        "ab",
        "A",
        "ä",
        "äb",
        "z",
        "\u{10ffff}x",
        "日本",
    ];
    let writes = all
        .iter()
        .map(|key| put(key, "", Condition::None))
        .collect();
    commit(&database, &tenant, writes).await.unwrap();

    for prefix in [
        "",
        "%",
        "_",
        "a",
        "a*",
        "A",
        "ä",
        "日",
        "\u{10ffff}",
        "nothing",
    ] {
        let mut expected: Vec<_> = all
            .iter()
            .filter(|key| key.starts_with(prefix))
            .map(|key| (*key).to_owned())
            .collect();
        expected.sort();
        assert_eq!(
            keys(&database, scan(&tenant, prefix)).await,
            expected,
            "{prefix:?}"
        );
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let writes = (0..10)
        .map(|number| put(&format!("k{number}"), "", Condition::None))
        .collect();
    commit(&database, &tenant, writes).await.unwrap();

    let mut seen = Vec::new();
    loop {
        let page = Scan {
            after: seen.last().cloned(),
            limit: 3,
            ..scan(&tenant, "k")
        };
        let page = keys(&database, page).await;
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        seen.extend(page);
    }
    let expected: Vec<_> = (0..10).map(|number| format!("k{number}")).collect();
    assert_eq!(seen, expected);
    let before_the_prefix = Scan {
        after: Some("a".into()),
        ..scan(&tenant, "k8")
    };
    assert_eq!(keys(&database, before_the_prefix).await, ["k8"]);
}

#[tokio::test]
async fn documents_of_other_subjects_are_out_of_reach() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    commit(
        &database,
        &tenant,
        vec![
            of_subject("one", "store:1"),
            of_subject("two", "store:2"),
            put("none", "", Condition::None),
        ],
    )
    .await
    .unwrap();
    let reach = Some(vec!["store:1".to_owned()]);
    let limited = Scan {
        subjects: reach.clone(),
        ..scan(&tenant, "")
    };
    assert_eq!(keys(&database, limited).await, ["none", "one"]);

    for write in [
        put("two", "taken over", Condition::None),
        remove("two"),
        put("two", "", Condition::Absent),
    ] {
        let refused = database
            .commit(&tenant, "orders", vec![write], reach.clone(), NOW)
            .await;
        assert!(matches!(refused, Err(CommitError::OutOfScope { key }) if key == "two"));
    }
    database
        .commit(&tenant, "orders", vec![remove("one")], reach, NOW)
        .await
        .unwrap();
}
