//! Another server key: everything opens with it, and nothing with the old one; whatever moment the change is cut off in.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{House, NOW, presented};
use crate::clock::ManualClock;
use crate::store::{Database, SqliteDatabase, TenantId, Wrapped};
use crate::tenancy::hooks::Hooks;
use crate::tenancy::keyring::{INDEX_KEY, Layers};
use crate::tenancy::{
    AccessKey, AuthenticationError, DataKey, KeyringError, RotateServerKeyError, Scopes, ServerKey,
    ServerKeySource, Tenancy,
};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

fn key(byte: u8) -> ServerKey {
    ServerKey::from_base64(&STANDARD.encode([byte; 32])).unwrap()
}

async fn open(database: &Arc<dyn Database>, keys: Vec<ServerKey>) -> Result<Tenancy, KeyringError> {
    Tenancy::open(database.clone(), ServerKeySource::Given(keys), clock()).await
}

async fn database(directory: &Path) -> Arc<dyn Database> {
    Arc::new(
        SqliteDatabase::open(directory.join("host.db"))
            .await
            .unwrap(),
    )
}

async fn in_directory(directory: &Path) -> Tenancy {
    let source = ServerKeySource::Directory(directory.to_owned());
    Tenancy::open(database(directory).await, source, clock())
        .await
        .unwrap()
}

#[tokio::test]
async fn all_that_the_old_key_opened_the_new_one_does_and_running_processes_go_on() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    let (tenancy, running) = (in_directory(directory).await, in_directory(directory).await);
    let acme = tenancy.create_tenant("acme").await.unwrap();
    let principal = tenancy
        .authenticate(&presented(&acme.master_key))
        .await
        .unwrap();
    let local = tenancy.local_principal().await.unwrap();
    let store = database(directory).await;
    let hooks = Hooks::new(store.clone(), clock(), &running);
    let hook = hooks
        .create(&principal, "orders", "store:1", None)
        .await
        .unwrap();
    let (code, digest) = (tenancy.compiled_code_key(), tenancy.setup_digest(b"a"));
    let before = std::fs::read(directory.join("server.key")).unwrap();

    let rotated = tenancy.rotate_server_key().await.unwrap();
    assert_eq!((rotated.version, rotated.in_file), (2, true));
    assert_eq!((rotated.wrapped.access_keys, rotated.wrapped.hooks), (2, 1));
    assert_ne!(std::fs::read(directory.join("server.key")).unwrap(), before);
    assert!(!directory.join("server.key.next").exists());

    let later = in_directory(directory).await;
    for tenancy in [&tenancy, &running, &later] {
        let again = tenancy
            .authenticate(&presented(&acme.master_key))
            .await
            .unwrap();
        assert_eq!(again.tenant, acme.tenant_id);
        assert_eq!(tenancy.local_principal().await.unwrap().key, local.key);
        assert_eq!(*tenancy.compiled_code_key(), *code);
        assert_eq!(tenancy.setup_digest(b"a"), digest);
        // What is made anew is wrapped by the new key.
        let made = tenancy
            .create_access_key(&again, "another", Scopes::default(), None)
            .await
            .unwrap();
        later.authenticate(&presented(&made.key)).await.unwrap();
    }
    for tenancy in [&running, &later] {
        let hooks = Hooks::new(store.clone(), clock(), tenancy);
        assert!(hooks.find(&hook).await.unwrap().is_some());
    }
    assert!(hooks.find(&hook).await.unwrap().is_some());

    let old = ServerKey::from_base64(std::str::from_utf8(&before).unwrap()).unwrap();
    let refused = open(&store, vec![old]).await.err().unwrap();
    assert!(
        matches!(refused, KeyringError::WrongServerKey { stands: 2 }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_process_that_made_a_key_under_the_old_server_key_meanwhile_does_it_again_under_the_new_one()
 {
    let place = tempfile::tempdir().unwrap();
    let (one, two) = (
        in_directory(place.path()).await,
        in_directory(place.path()).await,
    );
    for round in 2..5 {
        assert_eq!(one.rotate_server_key().await.unwrap().version, round);
        // It has not looked since.
        let made = two.create_tenant(&format!("tenant {round}")).await.unwrap();
        one.authenticate(&presented(&made.master_key))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_change_that_is_cut_off_before_the_transaction_is_none() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    let tenancy = in_directory(directory).await;
    let acme = tenancy.create_tenant("acme").await.unwrap();
    std::fs::copy(directory.join("server.key"), directory.join("kept")).unwrap();
    // The next key is written, and then the process dies.
    let source = ServerKeySource::Directory(directory.to_owned());
    source
        .begin_change()
        .unwrap()
        .unwrap()
        .write_next()
        .unwrap();
    drop(tenancy);
    let tenancy = in_directory(directory).await;
    tenancy
        .authenticate(&presented(&acme.master_key))
        .await
        .unwrap();
    let same = |name| std::fs::read(directory.join(name)).unwrap();
    assert_eq!(same("server.key"), same("kept"));
    // Another change takes no notice of what was left behind.
    tenancy.rotate_server_key().await.unwrap();
    in_directory(directory)
        .await
        .authenticate(&presented(&acme.master_key))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_change_that_is_cut_off_before_the_new_name_is_ended_by_the_next_start() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path();
    let tenancy = in_directory(directory).await;
    let acme = tenancy.create_tenant("acme").await.unwrap();
    let old = std::fs::read(directory.join("server.key")).unwrap();
    tenancy.rotate_server_key().await.unwrap();
    // As if the name had not been given yet.
    std::fs::rename(
        directory.join("server.key"),
        directory.join("server.key.next"),
    )
    .unwrap();
    std::fs::write(directory.join("server.key"), &old).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(
        directory.join("server.key"),
        PermissionsExt::from_mode(0o600),
    )
    .unwrap();

    // While somebody else is about to do it, the key is used and its file is left alone.
    let source = ServerKeySource::Directory(directory.to_owned());
    let held = source.begin_change().unwrap().unwrap();
    let meanwhile = in_directory(directory).await;
    meanwhile
        .authenticate(&presented(&acme.master_key))
        .await
        .unwrap();
    assert_eq!(std::fs::read(directory.join("server.key")).unwrap(), old);
    drop(held);

    let next = in_directory(directory).await;
    next.authenticate(&presented(&acme.master_key))
        .await
        .unwrap();
    assert_ne!(std::fs::read(directory.join("server.key")).unwrap(), old);
    assert!(!directory.join("server.key.next").exists());
    // And so does the next change, if no start came in between.
    std::fs::rename(
        directory.join("server.key"),
        directory.join("server.key.next"),
    )
    .unwrap();
    assert_eq!(next.rotate_server_key().await.unwrap().version, 3);
    next.authenticate(&presented(&acme.master_key))
        .await
        .unwrap();
}

#[tokio::test]
async fn keys_from_outside_are_changed_to_the_second_one() {
    let place = tempfile::tempdir().unwrap();
    let store = database(place.path()).await;
    let only_old = open(&store, vec![key(1)]).await.unwrap();
    let acme = only_old.create_tenant("acme").await.unwrap();
    let none = only_old.rotate_server_key().await;
    assert!(matches!(none, Err(RotateServerKeyError::NoNewKey)));
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("ORDERDESK_MCP_NEW_SERVER_KEY")
    );

    let both = open(&store, vec![key(1), key(2)]).await.unwrap();
    let running = open(&store, vec![key(1), key(2)]).await.unwrap();
    let rotated = both.rotate_server_key().await.unwrap();
    assert!(!rotated.in_file);
    for tenancy in [&both, &running, &open(&store, vec![key(2)]).await.unwrap()] {
        tenancy
            .authenticate(&presented(&acme.master_key))
            .await
            .unwrap();
    }
    // A process that has only the old one says so, and nothing is the caller's fault.
    let stuck = only_old.authenticate(&presented(&acme.master_key)).await;
    assert!(
        matches!(&stuck, Err(AuthenticationError::ServerKey(_))),
        "{stuck:?}"
    );
    assert!(!stuck.unwrap_err().is_refusal());
    let again = both.rotate_server_key().await;
    assert!(matches!(again, Err(RotateServerKeyError::RotatedBefore)));
}

#[tokio::test]
async fn a_row_that_does_not_open_stops_the_change_and_nothing_is_changed() {
    let place = tempfile::tempdir().unwrap();
    let tenancy = in_directory(place.path()).await;
    let [acme, other] = [
        tenancy.create_tenant("acme").await.unwrap(),
        tenancy.create_tenant("other").await.unwrap(),
    ];
    let raw = rusqlite::Connection::open(place.path().join("host.db")).unwrap();
    let damage = |bytes: &[u8]| {
        raw.execute(
            "UPDATE access_keys SET wrapped_data_key = ?1 WHERE id = ?2",
            rusqlite::params![bytes, other.key_id.as_str()],
        )
        .unwrap();
    };
    let whole: Vec<u8> = raw
        .query_row(
            "SELECT wrapped_data_key FROM access_keys WHERE id = ?1",
            [other.key_id.as_str()],
            |row| row.get(0),
        )
        .unwrap();
    damage(b"nothing");
    let refused = tenancy.rotate_server_key().await.unwrap_err();
    assert!(
        refused.to_string().contains(other.key_id.as_str()),
        "{refused}"
    );
    damage(&whole);
    for created in [acme, other] {
        let next = in_directory(place.path()).await;
        next.authenticate(&presented(&created.master_key))
            .await
            .unwrap();
    }
    assert_eq!(tenancy.rotate_server_key().await.unwrap().version, 2);
}

#[tokio::test]
async fn a_database_from_before_keys_were_counted_opens_and_can_be_changed() {
    let house = House::new();
    let (tenant, access_key) = (TenantId::new("ten_old"), AccessKey::generate().unwrap());
    let server_key = ServerKey::from_base64(&house.server_key).unwrap();
    let layers = Layers::of(&server_key, 0);
    let index: [u8; 32] = [9; 32];
    let salt = vec![3; 32];
    {
        // As the first version wrote it: without numbers in what the ciphertexts are bound to.
        let seal = |what: Wrapped<'_>, inner: &[u8]| layers.seal(what, inner).unwrap();
        let data_key = DataKey::generate().unwrap();
        let inner = data_key.wrap(&tenant, &salt, &access_key).unwrap();
        let wrapped = seal(Wrapped::AccessKey(&tenant, access_key.id()), &inner);
        use secrecy::ExposeSecret;
        let lookup = crate::tenancy::cipher::hmac_sha256(
            &zeroize::Zeroizing::new(index),
            access_key.expose_secret().as_bytes(),
        );
        let raw = house.raw();
        for step in [
            include_str!("../../store/migrations/0001_initial.sql"),
            include_str!("../../store/migrations/0002_confirmations.sql"),
            include_str!("../../store/migrations/0003_hooks.sql"),
        ] {
            raw.execute_batch(step).unwrap();
        }
        raw.pragma_update(None, "user_version", 3).unwrap();
        raw.execute(
            "INSERT INTO meta VALUES ('index_key', ?1)",
            [seal(Wrapped::Meta(INDEX_KEY), &index)],
        )
        .unwrap();
        raw.execute(
            "INSERT INTO tenants (id, name, folded_name, salt, created_at) VALUES (?1, 'old', 'OLD', ?2, 1)",
            rusqlite::params![tenant.as_str(), salt],
        )
        .unwrap();
        raw.execute(
            "INSERT INTO access_keys (id, tenant, name, lookup, wrapped_data_key, created_at) VALUES (?1, ?2, 'master', ?3, ?4, 1)",
            rusqlite::params![access_key.id().as_str(), tenant.as_str(), lookup, wrapped],
        )
        .unwrap();
    }
    let process = house.start().await;
    assert_eq!(process.enter(&access_key).await.tenant, tenant);
    // What was derived from the server key then keeps its keys.
    let expected = server_key.derive("v1 seal of compiled plugins");
    assert_eq!(*process.tenancy.compiled_code_key(), *expected);
    process.tenant("new").await;

    let both = vec![server_key, key(2)];
    let tenancy = open(&process.database, both).await.unwrap();
    assert_eq!(tenancy.rotate_server_key().await.unwrap().version, 1);
    let tenancy = open(&process.database, vec![key(2)]).await.unwrap();
    tenancy.authenticate(&presented(&access_key)).await.unwrap();
    assert_eq!(*tenancy.compiled_code_key(), *expected);
}
