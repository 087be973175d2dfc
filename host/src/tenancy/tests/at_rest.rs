//! What a thief of the database finds.

use secrecy::ExposeSecret;

use super::House;
use crate::store::{Change, Condition, Content, Write};
use crate::tenancy::{Audience, Scopes};

const SECRET: &str = "canary-of-a-sealed-secret-4f1c";
const VALUE: &str = "canary-of-a-document-value-9b2e";
const DOCUMENT_KEY: &str = "canary-of-a-document-key-77aa";
const SETUP: &str = "canary-of-set-up-arguments-c0de";

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Every byte of every file that belongs to the database.
fn files(house: &House) -> Vec<(String, Vec<u8>)> {
    std::fs::read_dir(house.directory.path())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read(path).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn no_file_of_the_database_holds_a_key_a_secret_or_a_value() {
    let house = House::new();
    let process = house.start().await;
    let (created, acme) = process.tenant("acme").await;
    let second = process
        .tenancy
        .create_access_key(&acme, "second", Scopes::default(), None)
        .await
        .unwrap();
    let local = process.tenancy.local_principal().await.unwrap();
    let audience = Audience::Hmac {
        plugin: "orders".into(),
    };
    for principal in [&acme, &local] {
        process
            .secrets
            .seal(
                principal,
                "stores",
                SECRET.as_bytes(),
                std::slice::from_ref(&audience),
                None,
            )
            .await
            .unwrap();
        let write = Write {
            key: DOCUMENT_KEY.into(),
            change: Change::Put(Content {
                value: VALUE.into(),
                subject: None,
                expires_at: None,
            }),
            condition: Condition::None,
        };
        process
            .documents
            .commit(principal, "orders", vec![write])
            .await
            .unwrap();
    }
    let digest = process.tenancy.setup_digest(SETUP.as_bytes());
    process
        .tenancy
        .mark_setup_done(&acme.tenant, &digest)
        .await
        .unwrap();

    let index_key = process.tenancy.index_key.to_vec();
    let installation_key = process.tenancy.installation_key.to_vec();
    let mut canaries: Vec<(&str, Vec<u8>)> = vec![
        ("a sealed secret", SECRET.into()),
        ("a document's value", VALUE.into()),
        ("set-up arguments", SETUP.into()),
        ("the index key", index_key),
        ("the installation key", installation_key),
    ];
    for key in [&created.master_key, &second.key] {
        let secret_part = key.expose_secret().rsplit('_').next().unwrap();
        canaries.push(("an access key", secret_part.into()));
    }

    let look = |when: &str| {
        let files = files(&house);
        assert!(
            files
                .iter()
                .any(|(_, bytes)| contains(bytes, DOCUMENT_KEY.as_bytes())),
            "{when}: keys are readable, so the search works"
        );
        for (name, bytes) in &files {
            for (what, canary) in &canaries {
                assert!(!contains(bytes, canary), "{when}: {what} stands in {name}");
            }
        }
        files.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let names = look("while it is open");
    for ending in ["host.db", "host.db-wal", "host.db-shm"] {
        assert!(
            names.iter().any(|name| name.ends_with(ending)),
            "{ending}: {names:?}"
        );
    }
    // The log has been copied into the file by then.
    drop(process);
    house
        .raw()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    look("after it was closed");
}

#[tokio::test]
async fn the_wrapping_of_a_revoked_key_is_overwritten() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let second = process
        .tenancy
        .create_access_key(&acme, "second", Scopes::default(), None)
        .await
        .unwrap();
    let wrapping: Vec<u8> = house
        .raw()
        .query_row(
            "SELECT wrapped_data_key FROM access_keys WHERE id = ?1",
            [second.key_id.as_str()],
            |row| row.get(0),
        )
        .unwrap();
    process
        .tenancy
        .revoke_key(&acme.tenant, &second.key_id)
        .await
        .unwrap();
    // While the process still runs: the log is emptied with it.
    for (name, bytes) in files(&house) {
        let left = wrapping.chunks_exact(16).filter(|it| contains(&bytes, it));
        assert_eq!(left.count(), 0, "pieces of it stand in {name}");
    }
}
