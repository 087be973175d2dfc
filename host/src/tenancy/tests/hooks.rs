//! Hooks: what opens through them while nobody is present, and what does not.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{House, Process};
use crate::store::Change;
use crate::store::{Condition, Content, Write};
use crate::tenancy::{
    Audience, CipherError, DocumentsError, EventKept, Hook, HookError, HookEvent, Hooks, Principal,
    SecretError,
};

const KEY: &str = "canary-api-key-0123456789-0123456789";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn hooks(house: &House, process: &Process) -> Hooks {
    Hooks::new(
        process.database.clone(),
        std::sync::Arc::new(house.clock.clone()),
        &process.tenancy,
    )
}

fn owners() -> [String; 1] {
    ["stores".to_owned()]
}

/// A store's key, as a person enters it.
async fn enter(process: &Process, principal: &Principal, key: &str) -> String {
    let audience = Audience::Hmac {
        plugin: "orders".into(),
    };
    let subject = Some("store:1");
    process
        .secrets
        .seal(principal, "stores", key.as_bytes(), &[audience], subject)
        .await
        .unwrap()
        .to_string()
}

fn sign(key: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn verifies(hook: &Hook, key: &str) -> bool {
    let (_, verifier) = hook.key.as_ref().unwrap();
    verifier.verify(b"an order", &sign(key, b"an order"))
}

fn event(payload: &str) -> HookEvent {
    HookEvent {
        resources: Vec::new(),
        kind: "order-changed".into(),
        payload: payload.into(),
    }
}

#[tokio::test]
async fn a_hook_checks_signatures_with_nobody_present_and_opens_nothing_else() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let handle = enter(&process, &acme, KEY).await;
    let write = Write {
        key: "order/5".into(),
        change: Change::Put(Content {
            value: b"customer".to_vec(),
            subject: None,
            expires_at: None,
        }),
        condition: Condition::None,
    };
    process
        .documents
        .commit(&acme, "orders", vec![write])
        .await
        .unwrap();
    let id = hooks(&house, &process)
        .create(&acme, "orders", "store:1", Some(&owners()))
        .await
        .unwrap();
    assert_eq!(id.len(), 32);
    drop((process, acme));

    // Another process, started by nobody in particular.
    let process = house.start().await;
    let hooks = hooks(&house, &process);
    let hook = hooks.find(&id).await.unwrap().unwrap();
    assert_eq!(hook.key.as_ref().unwrap().0, handle);
    assert!(verifies(&hook, KEY) && !verifies(&hook, "another key"));

    let nobody = hook.principal().unwrap();
    assert!(nobody.is_unattended());
    let subject = Some("store:1");
    assert!(matches!(
        process
            .secrets
            .open_hmac(&nobody, "orders", &handle, subject)
            .await,
        Err(SecretError::Cipher(CipherError::Unattended))
    ));
    assert!(matches!(
        process.documents.get(&nobody, "orders", "order/5").await,
        Err(DocumentsError::Cipher(CipherError::Unattended))
    ));
    assert!(!nobody.scopes.covers_subject("store:2"));
    assert!(
        process
            .tenancy
            .create_access_key(&nobody, "more", Default::default(), None)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn neither_the_id_nor_the_key_stands_in_any_file_even_for_who_has_the_server_key() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    enter(&process, &acme, KEY).await;
    let hooks = hooks(&house, &process);
    let id = hooks
        .create(&acme, "orders", "store:1", Some(&owners()))
        .await
        .unwrap();
    let hook = hooks.find(&id).await.unwrap().unwrap();
    hooks
        .keep(&hook, b"1", &event("canary-payload"), vec![], WEEK)
        .await
        .unwrap();
    // Who has the server key opens this, and it is not the key.
    let unattended = hook.key.as_ref().unwrap().1.to_bytes();
    for entry in std::fs::read_dir(house.directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for canary in [
            KEY.as_bytes(),
            id.as_bytes(),
            b"canary-payload",
            &*unattended,
        ] {
            let there = bytes.windows(canary.len()).any(|window| window == canary);
            assert!(!there, "{path:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_replaced_takes_its_hooks_use_of_it_along_until_it_is_renewed() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let (_, other) = process.tenant("other").await;
    let old = enter(&process, &acme, KEY).await;
    let hooks = hooks(&house, &process);
    let id = hooks
        .create(&acme, "orders", "store:1", Some(&owners()))
        .await
        .unwrap();
    process.secrets.revoke(&acme, "stores", &old).await.unwrap();
    assert!(hooks.find(&id).await.unwrap().unwrap().key.is_none());
    let listed = hooks.named(&id[..8]).await.unwrap();
    assert!(listed.needs_key);
    assert!(matches!(
        hooks.renew(&acme, &listed, &owners()).await,
        Err(HookError::NoSecret { .. })
    ));

    enter(&process, &acme, "the new key").await;
    enter(&process, &other, "another tenant's").await;
    assert!(matches!(
        hooks.renew(&other, &listed, &owners()).await,
        Err(HookError::NotFound(_))
    ));
    hooks.renew(&acme, &listed, &owners()).await.unwrap();
    let hook = hooks.find(&id).await.unwrap().unwrap();
    assert!(verifies(&hook, "the new key") && !verifies(&hook, KEY));
}

#[tokio::test]
async fn only_secrets_that_were_sealed_for_it_by_who_may_are_used() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let hooks = hooks(&house, &process);
    enter(&process, &acme, KEY).await;
    for (plugin, subject, owner) in [
        ("products", "store:1", "stores"),
        ("orders", "store:2", "stores"),
        ("orders", "store:1", "orders"),
    ] {
        let refused = hooks
            .create(&acme, plugin, subject, Some(&[owner.to_owned()]))
            .await;
        assert!(
            matches!(refused, Err(HookError::NoSecret { .. })),
            "{plugin} {subject} {owner}"
        );
    }
    assert!(hooks.list(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn events_are_kept_once_handled_once_and_gone_with_their_hook() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let hooks = hooks(&house, &process);
    let id = hooks
        .create(&acme, "orders", "store:1", None)
        .await
        .unwrap();
    let hook = hooks.find(&id).await.unwrap().unwrap();
    let handlers = vec!["notify".to_owned(), "ledger".to_owned()];
    let keep = async |identity: &[u8]| {
        hooks
            .keep(&hook, identity, &event("{}"), handlers.clone(), WEEK)
            .await
            .unwrap()
    };
    assert!(matches!(keep(b"1").await, EventKept::New(_)));
    assert_eq!(keep(b"1").await, EventKept::Repeated);
    let lease = Duration::from_secs(60);
    let notify = || vec!["notify".to_owned()];
    let claim = async || hooks.claim(notify(), 10, lease).await.unwrap();

    let first = claim().await.pop().unwrap();
    assert_eq!((first.attempts, &first.event), (1, &event("{}")));
    assert!(claim().await.is_empty(), "claimed twice");
    let wait = Duration::from_secs(5);
    hooks
        .finish(&first, Err(("broken".into(), Some(wait))))
        .await
        .unwrap();
    assert_eq!(hooks.next_due(notify()).await.unwrap(), Some(wait));
    assert!(claim().await.is_empty(), "too early");
    house.clock.advance(wait);
    let second = claim().await.pop().unwrap();
    assert_eq!(second.attempts, 2);
    // This process dies here: after the lease another tries, and what the dead one would still say does not count.
    house.clock.advance(lease);
    let third = claim().await.pop().unwrap();
    hooks.finish(&second, Ok(())).await.unwrap();
    assert_eq!(hooks.list(None).await.unwrap()[0].waiting, 2);
    hooks
        .finish(&third, Err(("given-up".into(), None)))
        .await
        .unwrap();
    let listed = hooks.list(Some(&acme.tenant)).await.unwrap().remove(0);
    assert_eq!((listed.accepted, listed.repeated), (1, 1));
    assert_eq!((listed.waiting, listed.failed), (1, 1));
    assert_eq!(listed.last_error.as_deref(), Some("given-up"));

    assert!(matches!(keep(b"2").await, EventKept::New(_)));
    house.clock.advance(WEEK);
    let now = crate::clock::Clock::now(&house.clock);
    assert_eq!(process.database.purge(now).await.unwrap().hook_events, 2);
    assert!(matches!(keep(b"1").await, EventKept::New(_)));

    process
        .tenancy
        .set_suspended(&acme.tenant, true)
        .await
        .unwrap();
    assert!(hooks.find(&id).await.unwrap().is_none());
    assert!(claim().await.is_empty());
    process
        .tenancy
        .set_suspended(&acme.tenant, false)
        .await
        .unwrap();
    assert!(hooks.remove(&hook.hash).await.unwrap());
    assert!(hooks.find(&id).await.unwrap().is_none());
    assert_eq!(keep(b"3").await, EventKept::NoHook);
    let rows: i64 = house
        .raw()
        .query_row(
            "SELECT (SELECT count(*) FROM hook_events) + (SELECT count(*) FROM hook_handlings)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn hooks_are_named_by_id_url_or_label_and_nothing_else() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let hooks = hooks(&house, &process);
    let id = hooks
        .create(&acme, "orders", "store:1", None)
        .await
        .unwrap();
    for name in [
        id.clone(),
        id[..8].to_owned(),
        format!("http://127.0.0.1:8080/webhooks/{id}"),
    ] {
        assert_eq!(hooks.named(&name).await.unwrap().label, id[..8]);
    }
    let wrong = format!("{}{}", &id[..16], "0".repeat(16));
    for name in ["", "/", &id[..9], wrong.as_str()] {
        let error = hooks.named(name).await.unwrap_err();
        assert!(matches!(error, HookError::NotFound(_)), "{name}");
        assert!(!error.to_string().contains(&id[..9]));
    }
    for id in ["", "..", &id.to_uppercase(), &"é".repeat(16)] {
        assert!(hooks.find(id).await.unwrap().is_none(), "{id}");
    }
}
