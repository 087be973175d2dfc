//! Making tenants and access keys, and the local tenant.

use std::time::Duration;

use super::{A_DAY, House, presented};
use crate::tenancy::{
    AuthenticationError, CreateKeyError, CreateTenantError, KeyId, LocalError, NameError,
    RevokeError, Scopes,
};

#[tokio::test]
async fn a_tenant_is_found_by_its_name_in_any_letter_case() {
    let house = House::new();
    let tenancy = house.start().await.tenancy;
    let created = tenancy.create_tenant("Straße 9").await.unwrap();
    for name in ["Straße 9", "straße 9", "STRASSE 9"] {
        let refused = tenancy.create_tenant(name).await;
        assert!(
            matches!(refused, Err(CreateTenantError::NameTaken { .. })),
            "{name}"
        );
        assert_eq!(
            tenancy.tenant_named(name).await.unwrap().unwrap().id,
            created.tenant_id
        );
    }
    assert_eq!(tenancy.tenant_named("Strasse 8").await.unwrap(), None);
    let tenants = tenancy.tenants().await.unwrap();
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0].name, "Straße 9");
}

#[tokio::test]
async fn names_that_could_pass_for_others_are_refused() {
    let house = House::new();
    let tenancy = house.start().await.tenancy;
    for name in [
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\nb",
        "a\u{a0}b",
        " ",
    ] {
        let refused = tenancy.create_tenant(name).await;
        assert!(
            matches!(refused, Err(CreateTenantError::Name(NameError::Invisible))),
            "{name:?}"
        );
    }
    for name in [String::new(), "x".repeat(65)] {
        let refused = tenancy.create_tenant(&name).await;
        assert!(
            matches!(refused, Err(CreateTenantError::Name(NameError::Length))),
            "{name:?}"
        );
    }
    let reserved = tenancy.create_tenant("LOCAL").await;
    assert!(matches!(reserved, Err(CreateTenantError::NameReserved)));
    tenancy.create_tenant(&"日".repeat(64)).await.unwrap();
    assert_eq!(tenancy.tenants().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_key_opens_the_same_data_with_its_own_limits() {
    let house = House::new();
    let process = house.start().await;
    let (created, master) = process.tenant("acme").await;
    let scopes = Scopes {
        read_only: true,
        subjects: Some(vec!["store:1".into()]),
        tools: Some(vec!["shop_get".into()]),
    };
    let second = process
        .tenancy
        .create_access_key(&master, "agent", scopes.clone(), Some(A_DAY))
        .await
        .unwrap();
    let principal = process.enter(&second.key).await;
    assert_eq!(principal.tenant, created.tenant_id);
    assert_eq!(principal.key, second.key_id);
    assert_eq!(principal.scopes, scopes);
    assert_eq!(principal.expires_at, second.expires_at);
    let sealed = master.data_key.seal("test", &[], b"text").unwrap();
    assert_eq!(
        *principal.data_key.open("test", &[], &sealed).unwrap(),
        b"text"
    );

    let names: Vec<_> = process
        .tenancy
        .access_keys(&created.tenant_id)
        .await
        .unwrap()
        .into_iter()
        .map(|key| key.name)
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"master".to_owned()) && names.contains(&"agent".to_owned()));
}

#[tokio::test]
async fn a_key_gives_no_more_than_it_has() {
    let house = House::new();
    let process = house.start().await;
    let (_, master) = process.tenant("acme").await;
    let make = |maker, scopes, lifetime| {
        process
            .tenancy
            .create_access_key(maker, "next", scopes, lifetime)
    };

    let limited = process.limited_to(&master, "store:1").await;
    let refused = make(&limited, Scopes::default(), None).await;
    assert!(matches!(refused, Err(CreateKeyError::LimitedKey)));

    let ending = make(&master, Scopes::default(), Some(A_DAY)).await.unwrap();
    let ending = process.enter(&ending.key).await;
    for lifetime in [None, Some(2 * A_DAY)] {
        let refused = make(&ending, Scopes::default(), lifetime).await;
        assert!(matches!(refused, Err(CreateKeyError::OutlivesMaker)));
    }
    make(&ending, Scopes::default(), Some(A_DAY)).await.unwrap();
    let refused = make(&master, Scopes::default(), Some(Duration::ZERO)).await;
    assert!(matches!(refused, Err(CreateKeyError::ExpiredAlready)));
    let refused = process
        .tenancy
        .create_access_key(&master, "", Scopes::default(), None)
        .await;
    assert!(matches!(
        refused,
        Err(CreateKeyError::Name(NameError::Length))
    ));
}

#[tokio::test]
async fn the_last_key_without_limits_is_not_revoked() {
    let house = House::new();
    let process = house.start().await;
    let (created, master) = process.tenant("acme").await;
    let (other, _) = process.tenant("other").await;
    let tenancy = &process.tenancy;
    let refused = tenancy
        .revoke_key(&created.tenant_id, &created.key_id)
        .await;
    assert!(matches!(refused, Err(RevokeError::LastFullKey(_))));
    let refused = tenancy.revoke_key(&other.tenant_id, &created.key_id).await;
    assert!(
        matches!(refused, Err(RevokeError::NotFound(_))),
        "another tenant's key"
    );
    let refused = tenancy
        .revoke_key(&created.tenant_id, &KeyId::new("nothing"))
        .await;
    assert!(matches!(refused, Err(RevokeError::NotFound(_))));

    tenancy
        .create_access_key(&master, "second", Scopes::default(), None)
        .await
        .unwrap();
    tenancy
        .revoke_key(&created.tenant_id, &created.key_id)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_tenant_is_one_for_all_processes_and_for_good() {
    let house = House::new();
    let (one, two) = (house.start().await, house.start().await);
    let (first, second) =
        tokio::join!(one.tenancy.local_principal(), two.tenancy.local_principal());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.tenant, second.tenant);
    assert_eq!(first.tenant_name, "local");
    let sealed = first.data_key.seal("test", &[], b"text").unwrap();
    drop((one, two));

    let later = house.start().await;
    let again = later.tenancy.local_principal().await.unwrap();
    assert_eq!(*again.data_key.open("test", &[], &sealed).unwrap(), b"text");
    assert_eq!(later.tenancy.tenants().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_local_tenant_that_was_shut_out_stays_out() {
    let house = House::new();
    let process = house.start().await;
    let local = process.tenancy.local_principal().await.unwrap();
    assert!(
        process
            .tenancy
            .set_suspended(&local.tenant, true)
            .await
            .unwrap()
    );
    assert!(matches!(
        process.tenancy.local_principal().await,
        Err(LocalError::Refused)
    ));
    assert!(
        process
            .tenancy
            .set_suspended(&local.tenant, false)
            .await
            .unwrap()
    );

    let second = process
        .tenancy
        .create_access_key(&local, "second", Scopes::default(), None)
        .await
        .unwrap();
    process
        .tenancy
        .revoke_key(&local.tenant, &local.key)
        .await
        .unwrap();
    assert!(matches!(
        process.tenancy.local_principal().await,
        Err(LocalError::Refused)
    ));
    let other_way: Result<_, AuthenticationError> =
        process.tenancy.authenticate(&presented(&second.key)).await;
    assert_eq!(other_way.unwrap().tenant, local.tenant);
}

#[tokio::test]
async fn set_up_is_noted_by_its_arguments_which_only_the_server_key_tells() {
    let house = House::new();
    let process = house.start().await;
    let (created, _) = process.tenant("acme").await;
    let tenancy = &process.tenancy;
    let digest = tenancy.setup_digest(br#"{"api_key":"k","shop_id":"1"}"#);
    assert_eq!(digest.len(), 64);
    assert_ne!(
        digest,
        tenancy.setup_digest(br#"{"api_key":"k","shop_id":"2"}"#)
    );
    assert_eq!(
        digest,
        house
            .start()
            .await
            .tenancy
            .setup_digest(br#"{"api_key":"k","shop_id":"1"}"#)
    );
    let elsewhere = House {
        server_key: "B".repeat(42) + "A",
        ..House::new()
    };
    assert_ne!(
        digest,
        elsewhere
            .start()
            .await
            .tenancy
            .setup_digest(br#"{"api_key":"k","shop_id":"1"}"#)
    );

    assert!(
        !tenancy
            .setup_done(&created.tenant_id, &digest)
            .await
            .unwrap()
    );
    assert!(
        tenancy
            .mark_setup_done(&created.tenant_id, &digest)
            .await
            .unwrap()
    );
    assert!(
        !tenancy
            .mark_setup_done(&created.tenant_id, &digest)
            .await
            .unwrap()
    );
    assert!(
        tenancy
            .setup_done(&created.tenant_id, &digest)
            .await
            .unwrap()
    );
}
