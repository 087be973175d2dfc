//! Tenants, access keys, secrets and first calls as rows.

use super::super::access_keys::by_lookup;
use super::{NOW, Place, access_key, tenant};
use crate::store::{
    Database, InsertTenantError, KeyId, RevokeOutcome, SecretRecord, TenantId, TenantRecord,
};

#[tokio::test]
async fn a_name_is_given_once_and_the_refused_tenant_leaves_no_key_behind() {
    let place = Place::new();
    let database = place.open().await;
    tenant(&database, "acme").await;
    let second = TenantRecord {
        id: TenantId::new("ten_second"),
        name: "Acme".into(),
        salt: vec![1],
        suspended: false,
        created_at: NOW,
    };
    let refused = database
        .insert_tenant(second, "ACME".into(), access_key("second"))
        .await;
    assert!(matches!(refused, Err(InsertTenantError::NameTaken)));
    assert!(
        database
            .access_key_by_lookup(b"lookup of second".to_vec())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        database.tenant_by_name("ACME").await.unwrap().unwrap().name,
        "acme"
    );
    assert_eq!(
        database.tenant_by_name("acme").await.unwrap(),
        None,
        "the caller folds"
    );
}

#[tokio::test]
async fn a_key_is_found_by_its_look_up_without_a_second_search_for_its_row() {
    let place = Place::new();
    drop(place.open().await);
    let plan: Vec<String> = place
        .raw()
        .prepare(&format!("EXPLAIN QUERY PLAN {}", by_lookup()))
        .unwrap()
        .query_map([b"lookup"], |row| row.get("detail"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        plan,
        [
            "SEARCH access_keys USING COVERING INDEX access_keys_found (lookup=?)",
            "SEARCH tenants USING PRIMARY KEY (id=?)"
        ]
    );
}

#[tokio::test]
async fn a_revoked_key_is_listed_but_neither_found_nor_usable_and_its_wrapping_is_gone() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "acme").await;
    database
        .insert_access_key(&tenant, access_key("second"))
        .await
        .unwrap();
    let found = database
        .access_key_by_lookup(b"lookup of second".to_vec())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.tenant.id, tenant);
    assert_eq!(found.wrapped_data_key, b"wrapped");

    let second = KeyId::new("second");
    let revoke = |key: &KeyId| {
        let (key, tenant) = (key.clone(), tenant.clone());
        let database = &database;
        async move {
            database
                .revoke_access_key(&tenant, &key, NOW)
                .await
                .unwrap()
        }
    };
    assert_eq!(revoke(&second).await, RevokeOutcome::Revoked);
    assert_eq!(revoke(&second).await, RevokeOutcome::NotFound);
    assert_eq!(
        revoke(&KeyId::new("acme")).await,
        RevokeOutcome::LastFullKey
    );
    assert!(
        database
            .access_key_by_lookup(b"lookup of second".to_vec())
            .await
            .unwrap()
            .is_none()
    );
    let listed = database.access_keys(&tenant).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1].revoked_at, Some(NOW));
    let wrappings: i64 = place
        .raw()
        .query_row(
            "SELECT count(wrapped_data_key) FROM access_keys",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(wrappings, 1);
}

#[tokio::test]
async fn a_key_that_is_limited_or_ends_does_not_count_as_the_last_way_in() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "acme").await;
    let mut limited = access_key("limited");
    limited.scopes = Some("{}".into());
    let mut ending = access_key("ending");
    ending.expires_at = Some(NOW);
    for key in [limited, ending] {
        database.insert_access_key(&tenant, key).await.unwrap();
    }
    let last = database
        .revoke_access_key(&tenant, &KeyId::new("acme"), NOW)
        .await
        .unwrap();
    assert_eq!(last, RevokeOutcome::LastFullKey);
    let limited = database
        .revoke_access_key(&tenant, &KeyId::new("limited"), NOW)
        .await
        .unwrap();
    assert_eq!(limited, RevokeOutcome::Revoked);
}

#[tokio::test]
async fn the_first_claim_of_a_secret_stands() {
    let place = Place::new();
    let database = place.open().await;
    let (owner, stranger) = (tenant(&database, "a").await, tenant(&database, "b").await);
    let secret = SecretRecord {
        handle: "sec_1".into(),
        owner_plugin: "stores".into(),
        audiences: "[]".into(),
        subject: None,
        sealed: vec![1],
        created_at: NOW,
    };
    database.insert_secret(&owner, secret).await.unwrap();
    assert_eq!(
        database
            .claim_secret(&stranger, "sec_1", "store:9")
            .await
            .unwrap(),
        None
    );
    let (one, two) = tokio::join!(
        database.claim_secret(&owner, "sec_1", "store:1"),
        database.claim_secret(&owner, "sec_1", "store:2"),
    );
    assert_eq!(one.unwrap(), two.unwrap());
    assert!(
        !database
            .remove_secret(&owner, "orders", "sec_1")
            .await
            .unwrap()
    );
    assert!(
        !database
            .remove_secret(&stranger, "stores", "sec_1")
            .await
            .unwrap()
    );
    assert!(
        database
            .remove_secret(&owner, "stores", "sec_1")
            .await
            .unwrap()
    );
    assert_eq!(database.secret(&owner, "sec_1").await.unwrap(), None);
}

#[tokio::test]
async fn a_first_call_is_noted_once_for_each_tenant() {
    let place = Place::new();
    let database = place.open().await;
    let (one, two) = (tenant(&database, "a").await, tenant(&database, "b").await);
    assert!(!database.first_call_done(&one, "digest").await.unwrap());
    assert!(database.mark_first_call(&one, "digest", NOW).await.unwrap());
    assert!(!database.mark_first_call(&one, "digest", NOW).await.unwrap());
    assert!(database.first_call_done(&one, "digest").await.unwrap());
    assert!(!database.first_call_done(&two, "digest").await.unwrap());
}
