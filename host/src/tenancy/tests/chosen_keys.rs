//! Master keys that a tenant chose itself, and tenants that unknown keys make.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use super::{House, presented};
use crate::tenancy::{
    AuthenticationError, ChosenKeyError, CreateTenantError, FailedLogins, ProvisionError, Scopes,
};

const KEY: &str = "hubcap9 trombone quarry Vexing plaza mulch odometer";
/// The same first 72 bytes as another: plain bcrypt would not tell them apart.
const LONG: &str = "hubcap9 trombone quarry Vexing plaza mulch odometer hubcap9 trombone quarry A";
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

fn key(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn a_chosen_key_opens_its_tenant_in_every_process_and_nothing_like_it_does() {
    let house = House::new();
    let process = house.start().await;
    let created = process
        .tenancy
        .create_tenant_with_key("acme", &key(LONG))
        .await
        .unwrap();
    // Twice: once by bcrypt, once by its remembered verdict; and by a process that remembers nothing.
    for tenancy in [
        &process.tenancy,
        &process.tenancy,
        &house.start().await.tenancy,
    ] {
        let principal = tenancy.authenticate(&key(LONG)).await.unwrap();
        assert_eq!(principal.tenant, created.tenant_id);
        assert_eq!(principal.key, created.key_id);
    }
    let longer = format!("{LONG}B");
    let shorter = &LONG[..LONG.len() - 1];
    for other in [&longer, shorter, &LONG.to_uppercase()] {
        let refused = process.tenancy.authenticate(&key(other)).await;
        assert!(
            matches!(refused, Err(AuthenticationError::Refused)),
            "{other}"
        );
    }
}

#[tokio::test]
async fn the_verdict_of_bcrypt_is_remembered_but_who_is_shut_out_is_out_at_once() {
    let house = House::new();
    let process = house.start().await;
    let tenancy = &process.tenancy;
    let created = tenancy
        .create_tenant_with_key("acme", &key(KEY))
        .await
        .unwrap();
    let principal = tenancy.authenticate(&key(KEY)).await.unwrap();
    let refused = async || {
        let answer = tenancy.authenticate(&key(KEY)).await;
        matches!(answer, Err(AuthenticationError::Refused))
    };

    tenancy
        .set_suspended(&created.tenant_id, true)
        .await
        .unwrap();
    assert!(refused().await);
    tenancy
        .set_suspended(&created.tenant_id, false)
        .await
        .unwrap();
    assert!(!refused().await);

    // A verdict counts for the hash that it was given for, and for no other.
    let raw = house.raw();
    let hash: String = raw
        .query_row("SELECT chosen_hash FROM access_keys", [], |row| row.get(0))
        .unwrap();
    assert!(hash.starts_with("$2b$12$"), "{hash}");
    raw.execute(
        "UPDATE access_keys SET chosen_hash = replace(chosen_hash, ?1, ?2)",
        [&hash[40..], &"u".repeat(hash.len() - 40)],
    )
    .unwrap();
    assert!(refused().await);
    raw.execute("UPDATE access_keys SET chosen_hash = ?1", [&hash])
        .unwrap();
    assert!(!refused().await);

    // Nor does a row that lost its hash pass for a generated key's.
    raw.execute("UPDATE access_keys SET chosen_hash = NULL", [])
        .unwrap();
    assert!(refused().await);
    raw.execute("UPDATE access_keys SET chosen_hash = ?1", [&hash])
        .unwrap();

    let generated = tenancy
        .create_access_key(&principal, "generated", Scopes::default(), None)
        .await
        .unwrap();
    tenancy
        .revoke_key(&created.tenant_id, &created.key_id)
        .await
        .unwrap();
    assert!(refused().await);
    process.enter(&generated.key).await;
}

#[tokio::test]
async fn a_weak_key_and_one_that_somebody_has_make_no_tenant() {
    let house = House::new();
    let tenancy = house.start().await.tenancy;
    let weak = tenancy
        .create_tenant_with_key("acme", &key("correct horse battery staple"))
        .await;
    assert!(matches!(
        weak,
        Err(CreateTenantError::Key(ChosenKeyError::Weak { .. }))
    ));
    let generated = key(&format!("odm_{}", "x".repeat(60)));
    let refused = tenancy.create_tenant_with_key("acme", &generated).await;
    assert!(matches!(
        refused,
        Err(CreateTenantError::Key(ChosenKeyError::Format))
    ));
    tenancy
        .create_tenant_with_key("acme", &key(KEY))
        .await
        .unwrap();
    let taken = tenancy.create_tenant_with_key("other", &key(KEY)).await;
    assert!(matches!(taken, Err(CreateTenantError::KeyTaken)));
    assert_eq!(tenancy.tenants().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_strong_key_makes_one_tenant_however_many_bring_it_at_once() {
    let house = House::new();
    let (one, two) = (house.start().await, house.start().await);
    assert!(matches!(
        one.tenancy.authenticate(&key(KEY)).await,
        Err(AuthenticationError::Refused)
    ));
    let secret = key(KEY);
    let (first, second, third) = tokio::join!(
        one.tenancy.authenticate_or_provision(&secret, Some(SOURCE)),
        two.tenancy.authenticate_or_provision(&secret, Some(SOURCE)),
        two.tenancy.authenticate_or_provision(&secret, Some(SOURCE)),
    );
    let tenants = [first, second, third].map(|it| it.unwrap().tenant);
    assert!(tenants.iter().all(|it| *it == tenants[0]));
    let listed = one.tenancy.tenants().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].name.starts_with("tenant-"), "{}", listed[0].name);

    let weak = key("correct horse battery staple");
    let refused = one.tenancy.authenticate_or_provision(&weak, None).await;
    assert!(matches!(
        refused,
        Err(ProvisionError::Key(ChosenKeyError::Weak { .. }))
    ));
    // A generated key belongs to somebody or to nobody, and is never a new tenant's.
    let unknown = crate::tenancy::AccessKey::generate().unwrap();
    let refused = one
        .tenancy
        .authenticate_or_provision(&presented(&unknown), None)
        .await;
    assert!(matches!(
        refused,
        Err(ProvisionError::Refused(AuthenticationError::Refused))
    ));

    // One that was shut out is known, and makes no second tenant.
    one.tenancy.set_suspended(&tenants[0], true).await.unwrap();
    let refused = one.tenancy.authenticate_or_provision(&secret, None).await;
    assert!(matches!(refused, Err(ProvisionError::Refused(_))));
    assert_eq!(one.tenancy.tenants().await.unwrap().len(), 1);
}

#[derive(Default)]
struct Watcher {
    failed: Mutex<Vec<Option<IpAddr>>>,
}

impl FailedLogins for Watcher {
    fn failed(&self, source: Option<IpAddr>) {
        self.failed.lock().unwrap().push(source);
    }

    fn may_provision(&self, source: Option<IpAddr>) -> bool {
        source != Some(SOURCE)
    }
}

#[tokio::test]
async fn who_watches_failures_is_told_of_them_and_may_refuse_new_tenants() {
    let house = House::new();
    let process = house.start().await;
    process.tenancy.note_failed_login(None);
    let watcher = Arc::new(Watcher::default());
    process.tenancy.watch_logins(watcher.clone());
    process.tenancy.note_failed_login(Some(SOURCE));
    assert_eq!(*watcher.failed.lock().unwrap(), [Some(SOURCE)]);

    let provision = |source| {
        let (tenancy, secret) = (&process.tenancy, key(KEY));
        async move { tenancy.authenticate_or_provision(&secret, source).await }
    };
    let refused = provision(Some(SOURCE)).await;
    assert!(matches!(
        refused,
        Err(ProvisionError::Refused(AuthenticationError::Refused))
    ));
    provision(None).await.unwrap();
}
