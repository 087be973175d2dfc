//! Documents: encrypted, and within reach of the access key.

use super::{House, Process};
use crate::store::{Change, Condition, Content, Document, Write};
use crate::tenancy::{CipherError, DocumentsError, Principal};

fn put(key: &str, value: &str, subject: Option<&str>) -> Write {
    Write {
        key: key.into(),
        change: Change::Put(Content {
            value: value.into(),
            subject: subject.map(str::to_owned),
            expires_at: None,
        }),
        condition: Condition::None,
    }
}

async fn commit(
    process: &Process,
    principal: &Principal,
    writes: Vec<Write>,
) -> Result<Vec<Option<String>>, DocumentsError> {
    process.documents.commit(principal, "orders", writes).await
}

async fn get(process: &Process, principal: &Principal, key: &str) -> Option<Document> {
    process
        .documents
        .get(principal, "orders", key)
        .await
        .unwrap()
}

async fn keys(process: &Process, principal: &Principal) -> Vec<String> {
    let found = process
        .documents
        .scan(principal, "orders", "", None, 100)
        .await
        .unwrap();
    found.into_iter().map(|document| document.key).collect()
}

#[tokio::test]
async fn what_is_written_is_read_by_get_and_scan() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let versions = commit(
        &process,
        &acme,
        vec![put("a", "1", None), put("b", "", Some("store:1"))],
    )
    .await
    .unwrap();
    let a = get(&process, &acme, "a").await.unwrap();
    assert_eq!(
        (a.value.as_slice(), Some(a.version)),
        (b"1".as_slice(), versions[0].clone())
    );

    let page = process
        .documents
        .scan(&acme, "orders", "", Some("a"), 10)
        .await
        .unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].value, b"");
    assert_eq!(page[0].subject.as_deref(), Some("store:1"));
}

#[tokio::test]
async fn a_failed_condition_is_a_conflict_that_names_its_key() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    commit(&process, &acme, vec![put("a", "1", None)])
        .await
        .unwrap();
    let again = Write {
        condition: Condition::Absent,
        ..put("a", "2", None)
    };
    let refused = commit(&process, &acme, vec![put("b", "2", None), again]).await;
    assert!(matches!(refused, Err(DocumentsError::Conflict { key }) if key == "a"));
    assert_eq!(keys(&process, &acme).await, ["a"]);
}

#[tokio::test]
async fn for_a_limited_key_documents_of_other_subjects_do_not_exist() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let limited = process.limited_to(&acme, "store:1").await;
    commit(
        &process,
        &acme,
        vec![
            put("one", "1", Some("store:1")),
            put("two", "2", Some("store:2")),
            put("all", "3", None),
        ],
    )
    .await
    .unwrap();
    assert_eq!(keys(&process, &limited).await, ["all", "one"]);
    assert!(get(&process, &limited, "two").await.is_none());
    assert!(get(&process, &limited, "one").await.is_some());

    for write in [
        put("new", "", Some("store:2")),
        put("two", "", Some("store:1")),
        put("two", "", None),
    ] {
        let refused = commit(&process, &limited, vec![put("first", "", None), write]).await;
        assert!(
            matches!(refused, Err(DocumentsError::OutOfScope { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(keys(&process, &acme).await, ["all", "one", "two"]);
    commit(
        &process,
        &limited,
        vec![put("one", "changed", Some("store:1"))],
    )
    .await
    .unwrap();
    assert_eq!(get(&process, &acme, "two").await.unwrap().value, b"2");
}

#[tokio::test]
async fn a_value_opens_only_in_its_own_place() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let changes = [
        ("UPDATE documents SET key = 'b'", "orders", "b"),
        ("UPDATE documents SET namespace = 'stores'", "stores", "a"),
        ("UPDATE documents SET subject = 'store:2'", "orders", "a"),
        ("UPDATE documents SET subject = NULL", "orders", "a"),
        ("UPDATE documents SET value = zeroblob(60)", "orders", "a"),
    ];
    for (change, namespace, key) in changes {
        let write = put("a", "secret", Some("store:1"));
        commit(&process, &acme, vec![write]).await.unwrap();
        house.raw().execute(change, []).unwrap();
        let got = process.documents.get(&acme, namespace, key).await;
        let scanned = process.documents.scan(&acme, namespace, "", None, 10).await;
        for error in [got.err(), scanned.err()] {
            let refused = matches!(error, Some(DocumentsError::Cipher(CipherError::Refused)));
            assert!(refused, "{change}: {error:?}");
        }
        house.raw().execute("DELETE FROM documents", []).unwrap();
    }
}

#[tokio::test]
async fn printing_a_document_shows_no_value() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let write = put("a", "somebody's address", None);
    let printed = format!("{write:?}");
    commit(&process, &acme, vec![write]).await.unwrap();
    let printed = format!("{printed} {:?}", get(&process, &acme, "a").await);
    let bytes = format!("{:?}", b"somebody's address");
    assert!(
        !printed.contains("address") && !printed.contains(bytes.trim_matches(['[', ']'])),
        "{printed}"
    );
}
