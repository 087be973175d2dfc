//! Buckets: their rows, and their arithmetic.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::{NOW, Place};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::store::buckets::BucketState;
use crate::store::{BucketQuota, Database, Taken};

const fn quota(burst: u32, per_second: u32) -> BucketQuota {
    BucketQuota {
        burst: NonZeroU32::new(burst).unwrap(),
        per_second: NonZeroU32::new(per_second).unwrap(),
    }
}

/// A full bucket of 20, and 3 come back each second.
const QUOTA: BucketQuota = quota(20, 3);

#[tokio::test]
async fn a_bucket_gives_its_burst_then_its_rate_to_all_processes_together() {
    let place = Place::new();
    let databases = [place.open().await, place.open().await];
    let clock = ManualClock::at(NOW);
    for number in 0..20 {
        let taken = databases[number % 2]
            .take_tokens("b", QUOTA, 1, clock.now())
            .await
            .unwrap();
        assert_eq!(taken, Taken::Taken, "token {number}");
    }
    let Taken::WaitUntil(then) = databases[0]
        .take_tokens("b", QUOTA, 1, clock.now())
        .await
        .unwrap()
    else {
        panic!("the bucket was empty");
    };
    assert_eq!(
        then,
        NOW + Duration::from_millis(334),
        "a third of a second, rounded up"
    );

    clock.set(then - Duration::from_millis(1));
    assert_eq!(
        databases[1]
            .take_tokens("b", QUOTA, 1, clock.now())
            .await
            .unwrap(),
        Taken::WaitUntil(then)
    );
    clock.set(then);
    assert_eq!(
        databases[1]
            .take_tokens("b", QUOTA, 1, clock.now())
            .await
            .unwrap(),
        Taken::Taken
    );
    let other = databases[0]
        .take_tokens("other", QUOTA, 20, clock.now())
        .await
        .unwrap();
    assert_eq!(other, Taken::Taken, "another bucket is full");
}

#[tokio::test]
async fn several_tokens_are_taken_together_or_not_at_all() {
    let place = Place::new();
    let database = place.open().await;
    let take = |tokens| database.take_tokens("b", QUOTA, tokens, NOW);
    assert_eq!(take(21).await.unwrap(), Taken::NeverFits);
    assert_eq!(take(0).await.unwrap(), Taken::Taken);
    assert_eq!(take(19).await.unwrap(), Taken::Taken);
    assert!(matches!(take(2).await.unwrap(), Taken::WaitUntil(_)));
    assert_eq!(
        take(1).await.unwrap(),
        Taken::Taken,
        "the refused two took nothing"
    );
}

#[tokio::test]
async fn what_the_other_side_says_is_believed_downward_only() {
    let place = Place::new();
    let database = place.open().await;
    database.bucket_observed("b", QUOTA, 2, NOW).await.unwrap();
    database.bucket_observed("b", QUOTA, 15, NOW).await.unwrap();
    assert!(matches!(
        database.take_tokens("b", QUOTA, 3, NOW).await.unwrap(),
        Taken::WaitUntil(_)
    ));
    assert_eq!(
        database.take_tokens("b", QUOTA, 2, NOW).await.unwrap(),
        Taken::Taken
    );
    database
        .bucket_observed("full", QUOTA, 500, NOW)
        .await
        .unwrap();
    assert_eq!(
        database.take_tokens("full", QUOTA, 20, NOW).await.unwrap(),
        Taken::Taken
    );
}

#[tokio::test]
async fn a_blocked_bucket_gives_nothing_until_then() {
    let place = Place::new();
    let database = place.open().await;
    let then = NOW + Duration::from_secs(5);
    database.bucket_blocked("b", then).await.unwrap();
    database.bucket_blocked("b", NOW).await.unwrap();
    assert_eq!(
        database.take_tokens("b", QUOTA, 1, NOW).await.unwrap(),
        Taken::WaitUntil(then)
    );
    assert_eq!(
        database.take_tokens("b", QUOTA, 1, then).await.unwrap(),
        Taken::Taken
    );
}

#[tokio::test]
async fn rows_of_full_buckets_are_purged_and_nothing_is_gained_by_it() {
    let place = Place::new();
    let database = place.open().await;
    database.take_tokens("b", QUOTA, 20, NOW).await.unwrap();
    database
        .bucket_blocked("blocked", NOW + Duration::from_secs(60))
        .await
        .unwrap();
    let nearly_full = NOW + Duration::from_millis(6_600);
    assert_eq!(database.purge(nearly_full).await.unwrap().buckets, 0);
    assert_eq!(
        database
            .purge(NOW + Duration::from_secs(7))
            .await
            .unwrap()
            .buckets,
        1
    );
    assert_eq!(
        database
            .purge(NOW + Duration::from_secs(61))
            .await
            .unwrap()
            .buckets,
        1
    );
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_up_for_longer_than_a_fill() {
    let mut state = BucketState::default();
    assert_eq!(
        state.take(QUOTA, 20, NOW + Duration::from_secs(86_400)),
        Taken::Taken
    );
    let Taken::WaitUntil(then) = state.take(QUOTA, 1, NOW) else {
        panic!("an empty bucket stays empty");
    };
    assert!(then <= NOW + Duration::from_secs(7), "{then}");
}

#[test]
fn a_rate_that_does_not_divide_a_second_is_rounded_down() {
    let (thousand_million_seconds, tokens) = (Duration::from_secs(1_000_000_000), 3_000_000_000);
    let quota = quota(tokens, 3);
    let mut state = BucketState::default();
    assert_eq!(state.take(quota, tokens, NOW), Taken::Taken);
    let Taken::WaitUntil(full) = state.take(quota, tokens, NOW) else {
        panic!("an empty bucket stays empty");
    };
    assert!(full >= NOW + thousand_million_seconds, "{full}");
}

#[test]
fn moments_at_the_ends_of_time_do_not_overflow() {
    let largest = quota(u32::MAX, 1);
    for now in [Timestamp(0), Timestamp(u64::MAX)] {
        let mut state = BucketState::default();
        assert_eq!(state.take(largest, u32::MAX, now), Taken::Taken);
        assert!(matches!(state.take(largest, 1, now), Taken::WaitUntil(_)));
        state.observe(largest, 0, now);
    }
}

proptest! {
    #[test]
    fn in_no_stretch_of_time_is_more_given_than_burst_and_rate_allow(
        burst in 1..40u32,
        per_second in 1..50u32,
        steps in proptest::collection::vec((0..900u64, 1..8u32), 1..80),
    ) {
        let quota = quota(burst, per_second);
        let clock = ManualClock::at(NOW);
        let mut state = BucketState::default();
        let mut given: Vec<(Timestamp, u64)> = Vec::new();
        for (pause, tokens) in steps {
            clock.advance(Duration::from_millis(pause));
            match state.take(quota, tokens, clock.now()) {
                Taken::Taken => given.push((clock.now(), tokens.into())),
                Taken::WaitUntil(then) => {
                    prop_assert!(then > clock.now());
                    let mut patient = state;
                    prop_assert_eq!(patient.take(quota, tokens, then), Taken::Taken);
                    let mut hasty = state;
                    let early = then - Duration::from_millis(1);
                    prop_assert_eq!(hasty.take(quota, tokens, early), Taken::WaitUntil(then));
                }
                Taken::NeverFits => prop_assert!(tokens > burst),
            }
        }
        for (first, (start, _)) in given.iter().enumerate() {
            let mut sum = 0;
            for (end, tokens) in &given[first..] {
                sum += tokens;
                let stretch = end.saturating_duration_since(*start).as_millis() as u64;
                // In thousandths of a token, so that nothing is rounded.
                let allowed = u64::from(burst) * 1_000 + stretch * u64::from(per_second);
                prop_assert!(sum * 1_000 <= allowed, "{} tokens in {} ms", sum, stretch);
            }
        }
    }

    #[test]
    fn after_an_observation_no_more_than_that_is_given_at_once(
        burst in 1..40u32, before in 0..40u32, remaining in 0..60u32,
    ) {
        let quota = quota(burst, 3);
        let mut state = BucketState::default();
        state.take(quota, before.min(burst), NOW);
        state.observe(quota, remaining, NOW);
        let mut given = 0;
        while state.take(quota, 1, NOW) == Taken::Taken {
            given += 1;
        }
        prop_assert_eq!(given, remaining.min(burst - before.min(burst)));
    }
}
