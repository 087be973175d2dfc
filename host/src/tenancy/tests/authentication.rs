//! Who gets in, and who no longer does.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{A_DAY, House, presented};
use crate::clock::ManualClock;
use crate::store::StoreError;
use crate::tenancy::{
    AccessKey, AccessKeyError, AuthenticationError, Scopes, ServerKey, Tenancy, TenancyError,
};

fn refused<T>(outcome: Result<T, AuthenticationError>) -> bool {
    matches!(outcome, Err(AuthenticationError::Refused))
}

#[tokio::test]
async fn the_master_key_opens_its_own_tenant_in_every_process_and_after_a_restart() {
    let house = House::new();
    let (one, two) = (house.start().await, house.start().await);
    let (acme, _) = one.tenant("acme").await;
    let (other, _) = two.tenant("other").await;
    drop(one);
    for process in [two, house.start().await] {
        for created in [&acme, &other] {
            let principal = process.enter(&created.master_key).await;
            assert_eq!(principal.tenant, created.tenant_id);
            assert_eq!(principal.tenant_name, created.name);
            assert_eq!(principal.key, created.key_id);
            assert!(principal.scopes.is_full());
        }
    }
}

#[tokio::test]
async fn unknown_revoked_expired_and_suspended_answer_the_same() {
    let house = House::new();
    let process = house.start().await;
    let (created, master) = process.tenant("acme").await;
    let tenancy = &process.tenancy;
    let make = |lifetime| tenancy.create_access_key(&master, "next", Scopes::default(), lifetime);
    let mut answers = Vec::new();

    let unknown = AccessKey::generate().unwrap();
    answers.push(tenancy.authenticate(&presented(&unknown)).await);

    let revoked = make(None).await.unwrap();
    process.enter(&revoked.key).await;
    tenancy
        .revoke_key(&created.tenant_id, &revoked.key_id)
        .await
        .unwrap();
    answers.push(tenancy.authenticate(&presented(&revoked.key)).await);

    let ending = make(Some(A_DAY)).await.unwrap();
    house.clock.advance(A_DAY - Duration::from_millis(1));
    process.enter(&ending.key).await;
    house.clock.advance(Duration::from_millis(1));
    answers.push(tenancy.authenticate(&presented(&ending.key)).await);

    tenancy
        .set_suspended(&created.tenant_id, true)
        .await
        .unwrap();
    answers.push(tenancy.authenticate(&presented(&created.master_key)).await);

    let texts: Vec<_> = answers
        .into_iter()
        .map(|answer| {
            let error = answer.unwrap_err();
            assert!(matches!(error, AuthenticationError::Refused), "{error:?}");
            error.to_string()
        })
        .collect();
    assert!(
        texts
            .iter()
            .all(|text| text == "this access key is not valid")
    );
    tenancy
        .set_suspended(&created.tenant_id, false)
        .await
        .unwrap();
    process.enter(&created.master_key).await;
}

#[tokio::test]
async fn a_key_revoked_in_one_process_is_refused_by_another_at_once() {
    let house = House::new();
    let (one, two) = (house.start().await, house.start().await);
    let (created, master) = one.tenant("acme").await;
    let second = one
        .tenancy
        .create_access_key(&master, "second", Scopes::default(), None)
        .await
        .unwrap();
    two.enter(&second.key).await;
    one.tenancy
        .revoke_key(&created.tenant_id, &second.key_id)
        .await
        .unwrap();
    assert!(refused(
        two.tenancy.authenticate(&presented(&second.key)).await
    ));
}

#[tokio::test]
async fn a_typo_is_told_from_a_wrong_key() {
    let house = House::new();
    let process = house.start().await;
    let (created, _) = process.tenant("acme").await;
    let text = created.master_key.expose_secret();
    let typo = SecretString::from(text[..text.len() - 1].to_owned());
    let answer = process.tenancy.authenticate(&typo).await;
    assert!(matches!(
        answer,
        Err(AuthenticationError::Malformed(AccessKeyError::Checksum))
    ));
}

#[tokio::test]
async fn a_principal_shows_no_key_when_it_is_printed() {
    let house = House::new();
    let process = house.start().await;
    let (created, principal) = process.tenant("acme").await;
    let printed = format!("{principal:?} {created:?}");
    let secret = created
        .master_key
        .expose_secret()
        .rsplit('_')
        .next()
        .unwrap();
    assert!(!printed.contains(secret));
    assert!(printed.contains(created.key_id.as_str()));
}

#[tokio::test]
async fn another_server_key_is_told_so() {
    let house = House::new();
    drop(house.start().await);
    let other = ServerKey::from_base64(&("B".repeat(42) + "A")).unwrap();
    let opened = Tenancy::open(
        house.database().await,
        other,
        Arc::new(ManualClock::default()),
    )
    .await;
    let error = opened.err().unwrap();
    assert!(matches!(error, TenancyError::WrongServerKey { stands: 1 }));
    assert!(error.to_string().contains("another server key"));
    house.start().await;
}

#[tokio::test]
async fn a_wrapping_moved_to_another_key_or_limits_made_up_are_no_way_in() {
    let house = House::new();
    let process = house.start().await;
    let (acme, _) = process.tenant("acme").await;
    let (other, _) = process.tenant("other").await;
    let intruder = house.raw();
    intruder
        .execute(
            "UPDATE access_keys SET wrapped_data_key =
                 (SELECT wrapped_data_key FROM access_keys WHERE id = ?1) WHERE id = ?2",
            [acme.key_id.as_str(), other.key_id.as_str()],
        )
        .unwrap();
    let answer = process
        .tenancy
        .authenticate(&presented(&other.master_key))
        .await;
    assert!(matches!(
        answer,
        Err(AuthenticationError::Store(StoreError::Damaged { .. }))
    ));

    let limits = r#"{"read_only":false,"subjects":null,"tools":null,"only_on_mondays":true}"#;
    intruder
        .execute(
            "UPDATE access_keys SET scopes = ?1 WHERE id = ?2",
            [limits, acme.key_id.as_str()],
        )
        .unwrap();
    let answer = process
        .tenancy
        .authenticate(&presented(&acme.master_key))
        .await;
    assert!(
        matches!(
            answer,
            Err(AuthenticationError::Store(StoreError::Damaged { .. }))
        ),
        "a limit that this version does not know must not be ignored"
    );
}

#[tokio::test]
async fn compiled_code_is_sealed_under_a_key_of_this_installation() {
    let (house, elsewhere) = (
        House::new(),
        House {
            server_key: "B".repeat(42) + "A",
            ..House::new()
        },
    );
    let (process, again, other) = (
        house.start().await,
        house.start().await,
        elsewhere.start().await,
    );
    assert!(process.tenancy.reachable().await);
    assert_eq!(
        process.tenancy.compiled_code_key(),
        again.tenancy.compiled_code_key()
    );
    assert_ne!(
        process.tenancy.compiled_code_key(),
        other.tenancy.compiled_code_key()
    );
    assert_ne!(
        process.tenancy.compiled_code_key(),
        process.tenancy.derive("another purpose"),
        "each purpose has its own"
    );
}
