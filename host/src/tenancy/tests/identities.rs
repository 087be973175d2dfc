//! Access keys of identities, which nobody holds.

use std::time::Duration;

use super::{A_DAY, House, Process, presented};
use crate::tenancy::{
    AuthenticationError, CreateKeyError, Identity, Principal, ReplaceKeyError, RevokeError, Scopes,
};

fn identity(subject: &str) -> Identity {
    Identity {
        issuer: "https://login.example".into(),
        subject: subject.into(),
    }
}

async fn admit(
    process: &Process,
    maker: &Principal,
    subject: &str,
    scopes: Scopes,
) -> Result<crate::tenancy::CreatedKey, CreateKeyError> {
    let identity = identity(subject);
    process
        .tenancy
        .admit_identity(maker, "somebody", &identity, scopes, None)
        .await
}

async fn refused(process: &Process, identity: &Identity) -> bool {
    let answer = process.tenancy.authenticate_identity(identity).await;
    matches!(answer, Err(AuthenticationError::Refused))
}

#[tokio::test]
async fn an_identity_that_was_let_in_reaches_its_tenant_within_its_limits_and_nobody_else_does() {
    let house = House::new();
    let process = house.start().await;
    let (_, master) = process.tenant("acme").await;
    let scopes = Scopes {
        read_only: true,
        subjects: Some(vec!["store:1".into()]),
        ..Scopes::default()
    };
    let made = admit(&process, &master, "ada", scopes.clone())
        .await
        .unwrap();
    let sealed = master.data_key.seal("test", &[], b"text").unwrap();

    // Another process, too.
    let another = house.start().await;
    let ada = another
        .tenancy
        .authenticate_identity(&identity("ada"))
        .await
        .unwrap();
    assert_eq!(
        (&ada.tenant, &ada.key, &ada.scopes),
        (&master.tenant, &made.key_id, &scopes)
    );
    assert_eq!(*ada.data_key.open("test", &[], &sealed).unwrap(), b"text");

    for other in [
        identity("Ada"),
        identity("ada "),
        identity("bob"),
        Identity {
            issuer: "https://login.example/".into(),
            subject: "ada".into(),
        },
        Identity {
            issuer: "https://login.example\",\"ada".into(),
            subject: String::new(),
        },
    ] {
        assert!(refused(&process, &other).await, "{other:?}");
    }
    // Its text is no key that somebody could present.
    let answer = process.tenancy.authenticate(&presented(&made.key)).await;
    assert!(matches!(answer, Err(AuthenticationError::Malformed(_))));
}

#[tokio::test]
async fn a_revoked_identity_is_out_at_once_and_can_be_let_in_again_elsewhere() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let (_, bell) = process.tenant("bell").await;
    let first = admit(&process, &acme, "ada", Scopes::default())
        .await
        .unwrap();
    for maker in [&acme, &bell] {
        let again = admit(&process, maker, "ada", Scopes::default()).await;
        let Err(CreateKeyError::IdentityTaken(by)) = again else {
            panic!("{again:?}");
        };
        assert_eq!(by, first.key_id);
    }
    process
        .tenancy
        .revoke_key(&acme.tenant, &first.key_id)
        .await
        .unwrap();
    assert!(refused(&process, &identity("ada")).await);

    let second = admit(&process, &bell, "ada", Scopes::default())
        .await
        .unwrap();
    assert_ne!(second.key_id, first.key_id);
    let ada = process
        .tenancy
        .authenticate_identity(&identity("ada"))
        .await
        .unwrap();
    assert_eq!(ada.tenant, bell.tenant);
    let listed = process.tenancy.access_keys(&acme.tenant).await.unwrap();
    let whose = listed.iter().find(|key| key.id == first.key_id).unwrap();
    assert_eq!(
        whose.identity,
        Some(identity("ada")),
        "lists still tell whose it was"
    );
}

#[tokio::test]
async fn an_identity_ends_when_it_was_said_and_goes_out_with_its_tenant() {
    let house = House::new();
    let process = house.start().await;
    let (_, master) = process.tenant("acme").await;
    let ada = identity("ada");
    process
        .tenancy
        .admit_identity(&master, "ada", &ada, Scopes::default(), Some(A_DAY))
        .await
        .unwrap();
    process.tenancy.authenticate_identity(&ada).await.unwrap();
    process
        .tenancy
        .set_suspended(&master.tenant, true)
        .await
        .unwrap();
    assert!(refused(&process, &ada).await);
    process
        .tenancy
        .set_suspended(&master.tenant, false)
        .await
        .unwrap();
    process.tenancy.authenticate_identity(&ada).await.unwrap();
    house.clock.advance(A_DAY);
    assert!(refused(&process, &ada).await);
}

#[tokio::test]
async fn an_identity_takes_no_key_s_place_and_is_no_way_to_make_keys() {
    let house = House::new();
    let process = house.start().await;
    let (created, master) = process.tenant("acme").await;
    let ada = admit(&process, &master, "ada", Scopes::default())
        .await
        .unwrap();
    let rotated = process
        .tenancy
        .replace_key(&master, &ada.key_id, Duration::ZERO)
        .await;
    assert!(matches!(rotated, Err(ReplaceKeyError::Identity(_))));
    // It has no limits, and still the master key is the last that can make others.
    let revoked = process
        .tenancy
        .revoke_key(&master.tenant, &created.key_id)
        .await;
    assert!(matches!(revoked, Err(RevokeError::LastFullKey(_))));
    for subject in ["", " ada", "a\nb", &"a".repeat(256)] {
        let admitted = admit(&process, &master, subject, Scopes::default()).await;
        assert!(
            matches!(admitted, Err(CreateKeyError::Subject)),
            "{subject:?}"
        );
    }
    let reader = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let reader = process
        .tenancy
        .create_access_key(&master, "reader", reader, None)
        .await
        .unwrap();
    let reader = process.enter(&reader.key).await;
    let admitted = admit(&process, &reader, "bob", Scopes::default()).await;
    assert!(matches!(admitted, Err(CreateKeyError::LimitedKey)));
}

#[tokio::test]
async fn an_altered_row_opens_nothing_for_another_identity() {
    let house = House::new();
    let process = house.start().await;
    let (_, master) = process.tenant("acme").await;
    let ada = admit(&process, &master, "ada", Scopes::default())
        .await
        .unwrap();
    house
        .raw()
        .execute(
            "UPDATE access_keys SET subject = 'bob' WHERE id = ?1",
            [ada.key_id.as_str()],
        )
        .unwrap();
    assert!(refused(&process, &identity("ada")).await);
    assert!(refused(&process, &identity("bob")).await);
}
