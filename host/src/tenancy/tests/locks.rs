//! Waiting for locks, and giving them back.

use std::sync::Arc;
use std::time::Duration;

use super::House;
use crate::tenancy::LockError;

const LEASE: Duration = Duration::from_secs(30);
const NONE: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn a_lock_is_waited_for_until_it_is_given_back() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let first = process
        .locks
        .acquire(&acme, "orders", "order:1", "one", NONE, LEASE)
        .await
        .unwrap();

    let (locks, principal) = (Arc::clone(&process.locks), acme.clone());
    let waiting = tokio::spawn(async move {
        let hour = Duration::from_secs(3600);
        locks
            .acquire(&principal, "orders", "order:1", "two", hour, LEASE)
            .await
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished());
    process
        .locks
        .release(&acme, "orders", first.as_str(), "one")
        .await
        .unwrap();
    let second = waiting.await.unwrap().unwrap();
    let until = process
        .locks
        .lease(&acme, "orders", second.as_str(), "two")
        .await
        .unwrap();
    assert_eq!(until, super::NOW + LEASE);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_after_the_time_that_was_given() {
    let house = House::new();
    let (process, other) = (house.start().await, house.start().await);
    let (_, acme) = process.tenant("acme").await;
    process
        .locks
        .acquire(&acme, "orders", "order:1", "one", NONE, LEASE)
        .await
        .unwrap();
    for wait in [NONE, Duration::from_millis(700)] {
        let before = tokio::time::Instant::now();
        let refused = other
            .locks
            .acquire(&acme, "orders", "order:1", "two", wait, LEASE)
            .await;
        assert!(matches!(refused, Err(LockError::Held)));
        assert!(before.elapsed() >= wait);
    }
    let elsewhere = other
        .locks
        .acquire(&acme, "orders", "order:2", "two", NONE, LEASE)
        .await;
    assert!(elsewhere.is_ok(), "another name is another lock");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_frees_the_lock_for_who_waits() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let first = process
        .locks
        .acquire(&acme, "orders", "l", "one", NONE, LEASE)
        .await
        .unwrap();
    house.clock.advance(LEASE);
    process
        .locks
        .acquire(&acme, "orders", "l", "two", NONE, LEASE)
        .await
        .unwrap();
    let lease = process
        .locks
        .lease(&acme, "orders", first.as_str(), "one")
        .await;
    assert!(matches!(lease, Err(LockError::NotHeld)));
    let release = process
        .locks
        .release(&acme, "orders", first.as_str(), "one")
        .await;
    assert!(matches!(release, Err(LockError::NotHeld)));
}

#[tokio::test(start_paused = true)]
async fn at_its_end_a_call_gives_back_all_it_holds_and_nothing_else() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    for name in ["a", "b"] {
        process
            .locks
            .acquire(&acme, "orders", name, "one", NONE, LEASE)
            .await
            .unwrap();
    }
    process
        .locks
        .acquire(&acme, "orders", "c", "two", NONE, LEASE)
        .await
        .unwrap();
    assert_eq!(
        process
            .locks
            .release_all(&acme, "orders", "one")
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        process
            .locks
            .release_all(&acme, "orders", "one")
            .await
            .unwrap(),
        0
    );
    let still_held = process
        .locks
        .acquire(&acme, "orders", "c", "one", NONE, LEASE)
        .await;
    assert!(matches!(still_held, Err(LockError::Held)));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_kept_outlives_its_call_and_ends_with_its_time() {
    let house = House::new();
    let (process, other) = (house.start().await, house.start().await);
    let (_, acme) = process.tenant("acme").await;
    let lock = process
        .locks
        .acquire(&acme, "orders", "l", "one", NONE, LEASE)
        .await
        .unwrap();
    let minute = Duration::from_secs(60);
    let keep = |holder| {
        process
            .locks
            .keep(&acme, "orders", lock.as_str(), holder, minute)
    };
    assert!(matches!(keep("two").await, Err(LockError::NotHeld)));
    keep("one").await.unwrap();
    let released = process.locks.release_all(&acme, "orders", "one").await;
    assert_eq!(released.unwrap(), 0);
    let lease = process
        .locks
        .lease(&acme, "orders", lock.as_str(), "one")
        .await;
    assert!(
        matches!(lease, Err(LockError::NotHeld)),
        "it is nobody's any more"
    );

    let begun = tokio::time::Instant::now();
    let refused = other
        .locks
        .acquire(&acme, "orders", "l", "two", LEASE, LEASE)
        .await;
    assert!(matches!(refused, Err(LockError::Kept(left)) if left == minute));
    assert!(begun.elapsed() < LEASE, "it does not wait in vain");

    house.clock.advance(minute - Duration::from_millis(1));
    let refused = other
        .locks
        .acquire(&acme, "orders", "l", "two", NONE, LEASE)
        .await;
    assert!(matches!(refused, Err(LockError::Kept(_))));
    house.clock.advance(Duration::from_millis(1));
    other
        .locks
        .acquire(&acme, "orders", "l", "two", NONE, LEASE)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_taken_for_a_call_that_gave_up_is_given_back_too() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    for round in 0..50 {
        let holder = format!("call {round}");
        let (locks, principal, name) = (Arc::clone(&process.locks), acme.clone(), holder.clone());
        let acquiring = tokio::spawn(async move {
            locks
                .acquire(&principal, "orders", "l", &name, NONE, LEASE)
                .await
                .map(drop)
        });
        // At some point between before and after the taking.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        acquiring.abort();
        let _cancelled_or_not = acquiring.await;
        process
            .locks
            .release_all(&acme, "orders", &holder)
            .await
            .unwrap();
        let free = process
            .locks
            .acquire(&acme, "orders", "l", "next", NONE, LEASE)
            .await;
        assert!(free.is_ok(), "round {round}");
        process
            .locks
            .release_all(&acme, "orders", "next")
            .await
            .unwrap();
    }
}
