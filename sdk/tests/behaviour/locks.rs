//! Locks.

use std::time::Duration;

use orderdesk_plugin::ErrorKind;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lock_is_held_until_it_is_dropped() {
    let host = FakeHost::new();
    let seen = host.clone();
    within(&host, move |context| {
        let lock = context.locks().acquire("order/5", SECOND, 30 * SECOND)?;
        assert_eq!(seen.locks_held("probe"), ["order/5"]);
        let error = context
            .locks()
            .acquire("order/5", SECOND, SECOND)
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::Conflict);
        let other = context.locks().acquire("order/6", SECOND, SECOND)?;
        assert_ne!(lock.id(), other.id());
        drop(lock);
        assert_eq!(seen.locks_held("probe"), ["order/6"]);
        other.release()
    })
    .unwrap();
    assert!(host.locks_held("probe").is_empty());
}

#[test]
fn a_lock_that_is_kept_outlives_its_call_for_a_minute_at_most() {
    let host = FakeHost::new();
    within(&host, |context| {
        let lock = context.locks().acquire("order/5", SECOND, 120 * SECOND)?;
        lock.keep(3600 * SECOND)
    })
    .unwrap();
    assert_eq!(host.locks_held("probe"), ["order/5"]);
    let error = within(&host, |context| {
        context
            .locks()
            .acquire("order/5", 10 * SECOND, SECOND)
            .map(drop)
    })
    .unwrap_err();
    assert!(error.has_code("lock-kept") && error.retry_after_ms == Some(60_000));
    host.advance(55 * SECOND);
    within(&host, |context| {
        context
            .locks()
            .acquire("order/5", 10 * SECOND, SECOND)?
            .release()
    })
    .unwrap();
}

#[test]
fn a_lock_whose_lease_ended_cannot_be_kept() {
    let host = FakeHost::new();
    let clock = host.clone();
    let error = within(&host, move |context| {
        let lock = context.locks().acquire("order/5", SECOND, SECOND)?;
        clock.advance(2 * SECOND);
        lock.keep(SECOND)
    })
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(host.locks_held("probe").is_empty());
}

#[test]
fn waiting_outlasts_a_lease_that_ends_in_time_and_no_other() {
    let host = FakeHost::new();
    host.hold_lock("probe", "soon", 2 * SECOND);
    host.hold_lock("probe", "late", 60 * SECOND);
    within(&host, |context| {
        assert!(context.locks().acquire("late", SECOND, SECOND).is_err());
        context
            .locks()
            .acquire("soon", 5 * SECOND, SECOND)?
            .release()
    })
    .unwrap();
}

#[test]
fn a_lease_that_ended_too_soon_is_told_at_the_release() {
    let host = FakeHost::new();
    let clock = host.clone();
    let error = within(&host, move |context| {
        let lock = context.locks().acquire("order/5", SECOND, SECOND)?;
        clock.advance(2 * SECOND);
        lock.release()
    })
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.has_code("lock-not-held"));
}
