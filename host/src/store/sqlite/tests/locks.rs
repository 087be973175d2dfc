//! Locks between processes.

use std::sync::Arc;
use std::time::Duration;

use super::{NOW, Place, tenant};
use crate::store::{Database, LockOwner, TenantId};

fn owner(tenant: &TenantId, holder: &str) -> LockOwner {
    LockOwner {
        tenant: tenant.clone(),
        plugin: "orders".into(),
        holder: holder.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_want_a_lock_in_two_processes_one_gets_it() {
    let place = Place::new();
    let databases = [Arc::new(place.open().await), Arc::new(place.open().await)];
    let tenant = tenant(&databases[0], "a").await;
    let trying: Vec<_> = (0..16)
        .map(|number| {
            let (database, owner) = (
                Arc::clone(&databases[number % 2]),
                owner(&tenant, &number.to_string()),
            );
            tokio::spawn(async move {
                let until = NOW + Duration::from_secs(30);
                database
                    .acquire_lock(&owner, "order:1", until, NOW)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for one in trying {
        taken += usize::from(one.await.unwrap().is_some());
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_lease_ends_by_itself_and_its_lock_with_it() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let (one, two) = (owner(&tenant, "one"), owner(&tenant, "two"));
    let end = NOW + Duration::from_secs(30);
    let first = database
        .acquire_lock(&one, "l", end, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        database.lock_lease(&one, &first, NOW).await.unwrap(),
        Some(end)
    );
    assert_eq!(
        database.acquire_lock(&one, "l", end, NOW).await.unwrap(),
        None,
        "not re-entrant"
    );

    assert_eq!(database.lock_lease(&one, &first, end).await.unwrap(), None);
    let second = database
        .acquire_lock(&two, "l", end + Duration::from_secs(30), end)
        .await
        .unwrap()
        .unwrap();
    assert_ne!(first, second);
    assert!(
        !database.release_lock(&one, &first).await.unwrap(),
        "the late holder frees nothing"
    );
    assert!(
        database
            .lock_lease(&two, &second, end)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn only_the_owner_uses_a_lock() {
    let place = Place::new();
    let database = place.open().await;
    let (this, that) = (tenant(&database, "a").await, tenant(&database, "b").await);
    let holder = owner(&this, "one");
    let end = NOW + Duration::from_secs(30);
    let lock = database
        .acquire_lock(&holder, "l", end, NOW)
        .await
        .unwrap()
        .unwrap();

    let others = [
        owner(&this, "two"),
        owner(&that, "one"),
        LockOwner {
            plugin: "stores".into(),
            ..holder.clone()
        },
    ];
    for other in &others {
        assert_eq!(database.lock_lease(other, &lock, NOW).await.unwrap(), None);
        assert!(!database.release_lock(other, &lock).await.unwrap());
        assert_eq!(database.release_all_locks(other).await.unwrap(), 0);
    }
    for other in &others[1..] {
        let same_name = database.acquire_lock(other, "l", end, NOW).await.unwrap();
        assert!(
            same_name.is_some(),
            "another tenant's or plugin's lock is another lock"
        );
    }
    assert!(database.release_lock(&holder, &lock).await.unwrap());
}

#[tokio::test]
async fn what_a_holder_has_goes_at_once_and_what_ran_out_is_purged() {
    let place = Place::new();
    let database = place.open().await;
    let tenant = tenant(&database, "a").await;
    let (one, two) = (owner(&tenant, "one"), owner(&tenant, "two"));
    let end = NOW + Duration::from_secs(30);
    for name in ["a", "b"] {
        database
            .acquire_lock(&one, name, end, NOW)
            .await
            .unwrap()
            .unwrap();
    }
    database
        .acquire_lock(&two, "c", end, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(database.release_all_locks(&one).await.unwrap(), 2);
    assert_eq!(database.purge(NOW).await.unwrap().locks, 0);
    assert_eq!(database.purge(end).await.unwrap().locks, 1);
}
