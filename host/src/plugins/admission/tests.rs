//! Who gets a place, and in which order.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;

fn admission(slots: usize) -> Admission {
    let metrics = Arc::new(Metrics::default());
    let memory = Arc::new(GuestMemory::new(1 << 20, metrics.clone()));
    Admission::with_slots(slots, memory, metrics)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

async fn enter(admission: &Admission, tenant: &str, limit: usize) -> Result<Admitted, Error> {
    admission.enter(tenant, "orders", limit, soon()).await
}

fn waiting(admission: &Admission) -> usize {
    admission
        .lengths()
        .values()
        .map(|(_, waiting)| waiting)
        .sum()
}

/// A call in a task of its own, which waits already when this answers.
async fn waits(
    admission: &Admission,
    tenant: &str,
    limit: usize,
) -> JoinHandle<Result<Admitted, Error>> {
    let before = waiting(admission);
    let task = {
        let (admission, tenant) = (admission.clone(), tenant.to_owned());
        tokio::spawn(async move { enter(&admission, &tenant, limit).await })
    };
    while waiting(admission) == before {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test(start_paused = true)]
async fn one_tenant_at_its_limit_does_not_stop_another() {
    let admission = admission(10);
    let _first = enter(&admission, "a", 1).await.unwrap();
    let error = enter(&admission, "a", 1).await.err().unwrap();
    assert_eq!(error.code.as_deref(), Some("busy"));
    assert!(error.retry_after_ms.is_some());
    enter(&admission, "b", 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_when_its_call_ends_and_nothing_is_left() {
    let admission = admission(10);
    drop(enter(&admission, "a", 1).await.unwrap());
    drop(enter(&admission, "a", 1).await.unwrap());
    let state = admission.0.state();
    assert!(state.tenants.is_empty() && state.round.is_empty());
    assert_eq!(state.running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_answers_at_once() {
    let admission = admission(10);
    let _running = enter(&admission, "a", 1).await.unwrap();
    let mut calls = Vec::new();
    for _ in 0..QUEUE {
        calls.push(waits(&admission, "a", 1).await);
    }
    let before = Instant::now();
    assert!(enter(&admission, "a", 1).await.is_err());
    assert_eq!(Instant::now(), before);
    for call in calls {
        assert!(call.await.unwrap().is_err());
    }
    assert_eq!(waiting(&admission), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_many_calls_waiting_keeps_the_next_tenant_back_by_one() {
    let admission = admission(1);
    let running = enter(&admission, "many", 50).await.unwrap();
    let mut many = Vec::new();
    for _ in 0..40 {
        many.push(waits(&admission, "many", 50).await);
    }
    let other = waits(&admission, "other", 50).await;
    let third = waits(&admission, "third", 50).await;
    drop(running);
    // One of each in turn.
    drop(many.remove(0).await.unwrap().unwrap());
    drop(other.await.unwrap().unwrap());
    drop(third.await.unwrap().unwrap());
    drop(many.remove(0).await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_the_queue_and_its_place_to_the_next() {
    let admission = admission(1);
    let running = enter(&admission, "a", 5).await.unwrap();
    let gone = waits(&admission, "a", 5).await;
    let next = waits(&admission, "b", 5).await;
    gone.abort();
    assert!(gone.await.err().unwrap().is_cancelled());
    assert_eq!(waiting(&admission), 1);
    drop(running);
    drop(next.await.unwrap().unwrap());
    assert!(admission.0.state().tenants.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_waits_behind_the_others_however_many_they_are() {
    let admission = admission(1);
    let running = enter(&admission, "a", 5).await.unwrap();
    let mut others = vec![waits(&admission, "b", 5).await];
    for _ in 0..QUEUE {
        others.push(waits(&admission, "a", 5).await);
    }
    assert!(enter(&admission, "a", 5).await.is_err());
    let resting = admission.rest(running);
    let again = admission.clone();
    let again = tokio::spawn(async move { again.enter_again(resting, 5, soon()).await });
    for other in others {
        assert!(!again.is_finished());
        drop(other.await.unwrap().unwrap());
    }
    let again = again.await.unwrap().unwrap();

    // Who rests counts as one that waits.
    let mut resting = vec![admission.rest(again)];
    for _ in 1..QUEUE {
        resting.push(admission.rest(enter(&admission, "a", 5).await.unwrap()));
    }
    assert_eq!(waiting(&admission), QUEUE);
    assert!(enter(&admission, "a", 5).await.is_err());
    enter(&admission, "b", 5).await.unwrap();
    let one = resting.pop().unwrap();
    let one = admission.enter_again(one, 5, soon()).await.unwrap();
    drop((one, resting));
    assert!(admission.0.state().tenants.is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_memory_and_start_when_it_is_given_back() {
    use wasmtime::ResourceLimiter;

    use crate::capabilities::usage::Usage;

    let admission = admission(10);
    let memory = admission.0.memory.clone();
    // An instance that no call of ours runs, as the judge of a hook.
    let mut elsewhere = Usage::new("hooks", 1 << 20, Duration::from_secs(1), memory, None);
    assert!(elsewhere.memory_growing(0, 1 << 20, None).unwrap());
    let call = waits(&admission, "a", 5).await;
    assert!(!call.is_finished());
    drop(elsewhere);
    drop(call.await.unwrap().unwrap());
}

/// What a call of the property test does next.
#[derive(Debug, Clone)]
enum Step {
    Arrives(u8),
    Ends(usize),
    GivesUp(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u8..4).prop_map(Step::Arrives),
        2 => any::<usize>().prop_map(Step::Ends),
        1 => any::<usize>().prop_map(Step::GivesUp),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// While a tenant has a call that waits only for a place of the process, no other one starts two.
    #[test]
    fn places_go_round_the_tenants(slots in 1_usize..4, limit in 1_usize..4, steps in steps()) {
        let admission = admission(slots);
        let mut queued: Vec<(u8, u64, oneshot::Receiver<Admitted>)> = Vec::new();
        let mut running: Vec<(u8, Admitted)> = Vec::new();
        // Starts of others, for each tenant, since it could have started itself.
        let mut passed: BTreeMap<u8, BTreeMap<u8, usize>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Arrives(tenant) => {
                    if let Some((ticket, start)) = admission.0.queue(&tenant.to_string(), "orders", limit, QUEUE) {
                        queued.push((tenant, ticket, start));
                    }
                }
                Step::Ends(which) if !running.is_empty() => {
                    let which = which % running.len();
                    running.swap_remove(which);
                }
                Step::GivesUp(which) if !queued.is_empty() => {
                    let which = which % queued.len();
                    let (tenant, ticket, start) = queued.remove(which);
                    drop(start);
                    let tenant = tenant.to_string();
                    drop(Queued { places: &admission.0, tenant: &tenant, plugin: "orders", ticket });
                }
                Step::Ends(_) | Step::GivesUp(_) => {}
            }
            let mut started = Vec::new();
            queued.retain_mut(|(tenant, _, start)| match start.try_recv() {
                Ok(admitted) => {
                    started.push((*tenant, admitted));
                    false
                }
                Err(_) => true,
            });
            prop_assert!(started.len() <= slots);
            for (tenant, admitted) in started {
                for (waiting, others) in &mut passed {
                    if *waiting != tenant {
                        *others.entry(tenant).or_default() += 1;
                    }
                }
                passed.remove(&tenant);
                running.push((tenant, admitted));
            }
            prop_assert!(running.len() <= slots);
            for tenant in 0..4 {
                let of = running.iter().filter(|(who, _)| *who == tenant).count();
                prop_assert!(of <= limit);
                let could = of < limit && queued.iter().any(|(who, ..)| *who == tenant);
                // Nothing is free that somebody could have.
                prop_assert!(!could || running.len() == slots);
                if could {
                    let others = passed.entry(tenant).or_default();
                    prop_assert!(others.values().all(|starts| *starts <= 1), "{others:?}");
                } else {
                    passed.remove(&tenant);
                }
            }
        }
        running.clear();
        queued.clear();
        let state = admission.0.state();
        prop_assert_eq!(state.running, 0);
    }
}
