//! Sealed secrets: audiences, subjects, tenants.

use secrecy::ExposeSecret;

use super::{House, Process};
use crate::tenancy::{Audience, CipherError, Handle, Principal, SecretError};

fn endpoint(origin: &str) -> Audience {
    Audience::Endpoint {
        name: "shop".into(),
        origin: origin.into(),
    }
}

fn hmac(plugin: &str) -> Audience {
    Audience::Hmac {
        plugin: plugin.into(),
    }
}

const ORIGIN: &str = "https://api.example.com:443";

async fn seal(process: &Process, principal: &Principal, subject: Option<&str>) -> Handle {
    let audiences = [endpoint(ORIGIN), hmac("orders")];
    process
        .secrets
        .seal(principal, "stores", b"api key", &audiences, subject)
        .await
        .unwrap()
}

async fn open(
    process: &Process,
    principal: &Principal,
    handle: &Handle,
    subject: Option<&str>,
) -> Result<Vec<u8>, SecretError> {
    let opened = process
        .secrets
        .open(principal, handle.as_str(), &endpoint(ORIGIN), subject)
        .await?;
    assert_eq!(opened.owner_plugin, "stores");
    Ok(opened.plaintext.expose_secret().to_vec())
}

#[tokio::test]
async fn a_secret_opens_for_each_audience_it_was_sealed_for_and_no_other() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let handle = seal(&process, &acme, None).await;
    assert!(Handle::is_handle(handle.as_str()), "{handle}");

    for wanted in [endpoint(ORIGIN), hmac("orders")] {
        let opened = process
            .secrets
            .open(&acme, handle.as_str(), &wanted, None)
            .await
            .unwrap();
        assert_eq!(opened.plaintext.expose_secret(), b"api key");
        assert!(!format!("{opened:?}").contains("api key"));
    }
    let other_endpoint = Audience::Endpoint {
        name: "elsewhere".into(),
        origin: ORIGIN.into(),
    };
    for wanted in [other_endpoint, hmac("stores"), hmac("other")] {
        let refused = process
            .secrets
            .open(&acme, handle.as_str(), &wanted, None)
            .await;
        assert!(
            matches!(refused, Err(SecretError::WrongAudience)),
            "{wanted:?}"
        );
    }
    for origin in [
        "https://evil.example.com:443",
        "http://api.example.com:443",
        "https://api.example.com:8443",
    ] {
        let refused = process
            .secrets
            .open(&acme, handle.as_str(), &endpoint(origin), None)
            .await;
        assert!(
            matches!(refused, Err(SecretError::OriginChanged { endpoint }) if endpoint == "shop"),
            "{origin}"
        );
    }
    let nowhere = process.secrets.seal(&acme, "stores", b"x", &[], None).await;
    assert!(matches!(nowhere, Err(SecretError::NoAudience)));
}

#[tokio::test]
async fn another_tenants_handle_answers_like_one_that_never_was() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let (_, other) = process.tenant("other").await;
    let handle = seal(&process, &acme, None).await;
    let never = "sec_00000000000000000000000000000000";
    for handle in [handle.as_str(), never, "", "' OR 1=1 --"] {
        let refused = process
            .secrets
            .open(&other, handle, &endpoint(ORIGIN), Some("store:1"))
            .await;
        assert!(matches!(refused, Err(SecretError::NotFound)), "{handle:?}");
        let refused = process.secrets.revoke(&other, "stores", handle).await;
        assert!(matches!(refused, Err(SecretError::NotFound)), "{handle:?}");
    }
    assert_eq!(
        open(&process, &acme, &handle, None).await.unwrap(),
        b"api key",
        "not claimed either"
    );
}

#[tokio::test]
async fn a_secret_takes_the_subject_of_its_first_use_and_keeps_it() {
    let house = House::new();
    let (process, other_process) = (house.start().await, house.start().await);
    let (_, acme) = process.tenant("acme").await;
    let handle = seal(&process, &acme, None).await;
    open(&process, &acme, &handle, None).await.unwrap();

    let wrong_use = process
        .secrets
        .open(&acme, handle.as_str(), &hmac("other"), Some("store:9"))
        .await;
    assert!(matches!(wrong_use, Err(SecretError::WrongAudience)));
    let (one, two) = tokio::join!(
        open(&process, &acme, &handle, Some("store:1")),
        open(&other_process, &acme, &handle, Some("store:2")),
    );
    assert_ne!(one.is_ok(), two.is_ok(), "one use was first");
    let (winner, loser) = if one.is_ok() {
        ("store:1", "store:2")
    } else {
        ("store:2", "store:1")
    };
    open(&process, &acme, &handle, Some(winner)).await.unwrap();
    for subject in [Some(loser), Some("store:9"), None] {
        let refused = open(&process, &acme, &handle, subject).await;
        assert!(
            matches!(refused, Err(SecretError::WrongSubject)),
            "{subject:?}"
        );
    }
}

#[tokio::test]
async fn a_secret_sealed_for_a_subject_opens_for_that_alone() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let handle = seal(&process, &acme, Some("store:1")).await;
    assert!(
        open(&process, &acme, &handle, Some("store:1"))
            .await
            .is_ok()
    );
    for subject in [None, Some("store:2")] {
        assert!(matches!(
            open(&process, &acme, &handle, subject).await,
            Err(SecretError::WrongSubject)
        ));
    }
}

#[tokio::test]
async fn a_limited_key_reaches_the_secrets_of_its_subjects() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let limited = process.limited_to(&acme, "store:1").await;
    let (mine, other, unclaimed) = (
        seal(&process, &acme, Some("store:1")).await,
        seal(&process, &acme, Some("store:2")).await,
        seal(&process, &acme, None).await,
    );
    assert!(
        open(&process, &limited, &mine, Some("store:1"))
            .await
            .is_ok()
    );
    assert!(matches!(
        open(&process, &limited, &other, Some("store:2")).await,
        Err(SecretError::NotFound)
    ));
    assert!(matches!(
        open(&process, &limited, &unclaimed, Some("store:2")).await,
        Err(SecretError::WrongSubject)
    ));
    let refused = process
        .secrets
        .revoke(&limited, "stores", other.as_str())
        .await;
    assert!(matches!(refused, Err(SecretError::NotFound)));
    let refused = process
        .secrets
        .seal(&limited, "stores", b"x", &[hmac("w")], Some("store:2"))
        .await;
    assert!(matches!(refused, Err(SecretError::WrongSubject)));
    assert!(open(&process, &acme, &other, Some("store:2")).await.is_ok());
}

#[tokio::test]
async fn a_revoked_secret_is_gone_and_only_its_owner_revokes_it() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let handle = seal(&process, &acme, None).await;
    let refused = process
        .secrets
        .revoke(&acme, "orders", handle.as_str())
        .await;
    assert!(matches!(refused, Err(SecretError::NotFound)));
    process
        .secrets
        .revoke(&acme, "stores", handle.as_str())
        .await
        .unwrap();
    assert!(matches!(
        open(&process, &acme, &handle, None).await,
        Err(SecretError::NotFound)
    ));
    let again = process
        .secrets
        .revoke(&acme, "stores", handle.as_str())
        .await;
    assert!(matches!(again, Err(SecretError::NotFound)));
}

#[tokio::test]
async fn who_can_write_the_database_cannot_widen_or_move_a_secret() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let evil = r#"[{"endpoint":{"name":"shop","origin":"https://evil.example.com:443"}}]"#;
    let changes = [
        format!("UPDATE secrets SET audiences = '{evil}'"),
        "UPDATE secrets SET owner_plugin = 'evil'".to_owned(),
        "CREATE TEMP TABLE copy AS SELECT handle, sealed FROM secrets;
         UPDATE secrets SET sealed = (SELECT sealed FROM copy WHERE copy.handle <> secrets.handle)"
            .to_owned(),
        "UPDATE secrets SET sealed = zeroblob(40)".to_owned(),
    ];
    for change in changes {
        let handles = [
            seal(&process, &acme, None).await,
            seal(&process, &acme, None).await,
        ];
        house.raw().execute_batch(&change).unwrap();
        for handle in handles {
            let wanted = endpoint(if change.contains("evil.") {
                "https://evil.example.com:443"
            } else {
                ORIGIN
            });
            let refused = process
                .secrets
                .open(&acme, handle.as_str(), &wanted, Some("store:1"))
                .await;
            assert!(
                matches!(refused, Err(SecretError::Cipher(CipherError::Refused))),
                "{change}: {refused:?}"
            );
            let record = process
                .database
                .secret(&acme.tenant, handle.as_str())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(record.subject, None, "what does not open is not claimed");
        }
        house.raw().execute("DELETE FROM secrets", []).unwrap();
    }
}

#[test]
fn handles_are_told_from_other_texts() {
    assert!(Handle::is_handle("sec_0123456789abcdef0123456789abcdef"));
    for text in [
        "",
        "sec_",
        "sec_0123456789ABCDEF0123456789abcdef",
        "key_0123456789abcdef0123456789abcdef",
        "sec_0123456789abcdef0123456789abcdef0",
    ] {
        assert!(!Handle::is_handle(text), "{text:?}");
    }
}
