//! Access keys that others take the place of, and tenants that are removed.

use std::time::Duration;

use super::{A_DAY, House, Process, presented};
use crate::tenancy::{
    AccessKey, AuthenticationError, KeyId, Principal, ReplaceKeyError, ReplacedKey, Scopes,
};

const A_WEEK: Duration = Duration::from_secs(7 * 86_400);

async fn replace(
    process: &Process,
    maker: &Principal,
    key: &KeyId,
    grace: Duration,
) -> Result<ReplacedKey, ReplaceKeyError> {
    process.tenancy.replace_key(maker, key, grace).await
}

async fn refused(process: &Process, key: &AccessKey) -> bool {
    let answer = process.tenancy.authenticate(&presented(key)).await;
    matches!(answer, Err(AuthenticationError::Refused))
}

#[tokio::test]
async fn a_new_key_opens_the_same_data_with_the_same_limits_and_the_old_one_ends_after_its_grace() {
    let house = House::new();
    let process = house.start().await;
    let (created, master) = process.tenant("acme").await;
    let scopes = Scopes {
        read_only: true,
        tools: Some(vec!["notes_get".into()]),
        ..Scopes::default()
    };
    let old = process
        .tenancy
        .create_access_key(&master, "reader", scopes.clone(), Some(2 * A_WEEK))
        .await
        .unwrap();
    let sealed = master.data_key.seal("test", &[], b"text").unwrap();
    let replaced = replace(&process, &master, &old.key_id, A_WEEK)
        .await
        .unwrap();
    let principal = process.enter(&replaced.new.key).await;
    assert_eq!(
        *principal.data_key.open("test", &[], &sealed).unwrap(),
        b"text"
    );
    assert_eq!(principal.scopes, scopes);
    assert_eq!(
        principal.expires_at, old.expires_at,
        "it ends when the old one would have"
    );

    let listed = process
        .tenancy
        .access_keys(&created.tenant_id)
        .await
        .unwrap();
    let of = |id: &KeyId| listed.iter().find(|key| key.id == *id).unwrap();
    assert_eq!(of(&replaced.new.key_id).name, "reader");
    assert_eq!(
        of(&old.key_id).replaced_by,
        Some(replaced.new.key_id.clone())
    );
    assert_eq!(of(&old.key_id).expires_at, Some(replaced.old_ends));

    house.clock.advance(A_WEEK - Duration::from_millis(1));
    process.enter(&old.key).await;
    house.clock.advance(Duration::from_millis(1));
    assert!(refused(&process, &old.key).await);
    process.enter(&replaced.new.key).await;

    // What has ended is destroyed with the next cleaning.
    use crate::clock::Clock;
    let purged = process.database.purge(house.clock.now()).await.unwrap();
    assert_eq!(purged.access_keys, 1);
    let (left, ended): (i64, i64) = house
        .raw()
        .query_row(
            "SELECT (lookup IS NOT NULL) + (wrapped_data_key IS NOT NULL), revoked_at FROM access_keys WHERE id = ?1",
            [old.key_id.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(u64::try_from(ended).unwrap(), replaced.old_ends.0);
}

#[tokio::test]
async fn without_grace_the_old_key_is_dead_in_every_process_when_the_new_one_is_there() {
    let house = House::new();
    let (process, other) = (house.start().await, house.start().await);
    let (created, master) = process.tenant("acme").await;
    other.enter(&created.master_key).await;
    let replaced = replace(&process, &master, &created.key_id, Duration::ZERO)
        .await
        .unwrap();
    for process in [&process, &other] {
        assert!(refused(process, &created.master_key).await);
        let principal = process.enter(&replaced.new.key).await;
        assert!(principal.scopes.is_full());
        assert_eq!(principal.expires_at, None);
    }
    // The new one is the last full key now.
    let last = process
        .tenancy
        .revoke_key(&created.tenant_id, &replaced.new.key_id)
        .await;
    assert!(last.is_err());
}

#[tokio::test]
async fn a_key_is_replaced_once_by_the_master_key_or_by_itself() {
    let house = House::new();
    let process = house.start().await;
    let (created, master) = process.tenant("acme").await;
    let (_, rival) = process.tenant("rival").await;
    let make = |name| {
        let scopes = Scopes {
            read_only: true,
            ..Scopes::default()
        };
        process
            .tenancy
            .create_access_key(&master, name, scopes, None)
    };
    let (one, two) = (make("one").await.unwrap(), make("two").await.unwrap());
    let limited = process.enter(&one.key).await;

    let other = replace(&process, &limited, &two.key_id, A_DAY).await;
    assert!(matches!(other, Err(ReplaceKeyError::LimitedKey)));
    let upward = replace(&process, &limited, &created.key_id, A_DAY).await;
    assert!(matches!(upward, Err(ReplaceKeyError::LimitedKey)));
    for unknown in [
        replace(&process, &rival, &two.key_id, A_DAY).await,
        replace(&process, &master, &KeyId::new("nothing"), A_DAY).await,
    ] {
        assert!(matches!(unknown, Err(ReplaceKeyError::NotFound { .. })));
    }

    let itself = replace(&process, &limited, &one.key_id, A_DAY)
        .await
        .unwrap();
    let again = replace(&process, &master, &one.key_id, A_DAY).await;
    assert!(
        matches!(&again, Err(ReplaceKeyError::ReplacedBefore(_, by)) if *by == itself.new.key_id),
        "{again:?}"
    );
    let revoked = process
        .tenancy
        .revoke_key(&created.tenant_id, &two.key_id)
        .await;
    revoked.unwrap();
    let gone = replace(&process, &master, &two.key_id, A_DAY).await;
    assert!(matches!(gone, Err(ReplaceKeyError::NotFound { .. })));

    let local = process.tenancy.local_principal().await.unwrap();
    let derived = replace(&process, &local, &local.key, A_DAY).await;
    assert!(matches!(derived, Err(ReplaceKeyError::LocalKey)));
}

#[tokio::test]
async fn a_removed_tenant_is_gone_and_the_others_stay() {
    let house = House::new();
    let process = house.start().await;
    let (created, _) = process.tenant("acme").await;
    let (other, _) = process.tenant("other").await;
    assert!(
        process
            .tenancy
            .remove_tenant(&created.tenant_id)
            .await
            .unwrap()
    );
    assert!(
        !process
            .tenancy
            .remove_tenant(&created.tenant_id)
            .await
            .unwrap()
    );
    assert!(refused(&process, &created.master_key).await);
    process.enter(&other.master_key).await;
    let again = process.tenancy.create_tenant("acme").await.unwrap();
    assert_ne!(again.tenant_id, created.tenant_id);
}
