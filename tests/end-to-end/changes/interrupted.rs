//! Writes that are cut off: whatever is asked later is answered with what the orders themselves show.

use end_to_end::{Agent, Signal};
use orderdesk_simulator::Fault;
use serde_json::{Value, json};

use crate::place::{AFTER, BEFORE, Place};

const ORDERS: u64 = 5;

fn email(order: u64, email: &str) -> Value {
    json!({"order_id": order, "changes": {"email": email}})
}

async fn states(agent: &Agent, order: u64) -> Vec<Value> {
    let changes = agent
        .call("orders_changes", json!({"order_id": order}))
        .await
        .ok();
    let changes = changes["changes"].as_array().unwrap().iter();
    changes.map(|change| change["state"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_outlives_a_change_of_which_nobody_knows_whether_it_was_made() {
    for (fault, state) in [
        (Fault::hang_after_commit as fn() -> Fault, "made"),
        (Fault::hang, "not_made"),
    ] {
        let place = Place::new(ORDERS).await;
        let order = place.orders()[0];
        let (_process, agent) = place.registered().await;
        let (_other, other) = place.process().await;
        place.simulator.inject(fault().on("PUT", "/orders/*"));
        let unreadable = Fault::status(503).on("GET", "/orders/*").nth(2).always();
        place.simulator.inject(unreadable);
        let lost = agent.call("orders_update", email(order, AFTER)).await;
        assert_eq!(
            lost.structured["error"]["outcome_unknown"], true,
            "{}",
            lost.text
        );
        place.simulator.clear_faults();

        // In another process, so that nothing but the database can know of it.
        let tag = json!({"order_id": order, "changes": {"tag_name": "next"}});
        let refused = other.call("orders_update", tag.clone()).await;
        let error = &refused.structured["error"];
        assert_eq!(error["code"], "lock-kept", "{}", refused.text);
        assert!(
            refused.text.contains("outcome is not known yet"),
            "{}",
            refused.text
        );
        let wait = error["retry_after_ms"].as_u64().unwrap();
        assert!((1..=60_000).contains(&wait), "{wait}");

        place.end_leases();
        let written = other.call("orders_update", tag).await.ok();
        let told = written["warnings"].to_string();
        // What was sent a few seconds ago and left no trace is not awaited any more.
        assert!(told.contains("earlier change"), "{written:#}");
        assert_eq!(states(&other, order).await, ["made", state]);
        let now = if state == "made" { AFTER } else { BEFORE };
        assert_eq!(place.order(order)["email"], now);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_whose_middle_the_program_was_killed_is_found_out_and_can_be_undone() {
    let place = Place::new(ORDERS).await;
    let order = place.orders()[0];
    let (process, agent) = place.registered().await;
    let (fault, writing) = Fault::hold_after_commit();
    place.simulator.inject(fault.on("PUT", "/orders/*"));
    let write = tokio::spawn({
        let agent = agent.clone();
        async move { agent.call("orders_update", email(order, AFTER)).await }
    });
    writing.arrived().await;
    process.signal(Signal::KILL);
    process.ended().await;
    write.abort();
    writing.release();

    let (_next, agent) = place.process().await;
    let changes = agent.call("orders_changes", json!({})).await.ok();
    let change = &changes["changes"][0];
    assert_eq!(change["state"], "made", "{changes:#}");
    assert_eq!(change["diff"][0]["after"], AFTER);
    let undo = json!({"change_id": change["change_id"]});
    // The dead process still has the lock.
    let refused = agent.call("orders_undo", undo.clone()).await;
    assert_eq!(refused.error().0, "locked");
    place.end_leases();
    let undone = agent.call("orders_undo", undo).await.ok();
    assert_eq!(undone["changed"], true, "{undone:#}");
    assert_eq!(place.order(order)["email"], BEFORE);
    assert_eq!(states(&agent, order).await, ["made", "made"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_orders_go_on_where_the_program_was_killed() {
    let place = Place::new(ORDERS).await;
    let (process, agent) = place.registered().await;
    let mut call = json!({"filter": {"email": BEFORE}, "changes": {"tag_name": "x"}, "idempotency_key": "K-1"});
    let mut preview = call.clone();
    preview["dry_run"] = true.into();
    let shown = agent.call("orders_bulk_update", preview).await.ok();
    call["confirm_token"] = shown["confirm_token"].clone();

    let (fault, writing) = Fault::hold_after_commit();
    place.simulator.inject(fault.on("PUT", "/orders/*").nth(3));
    let work = tokio::spawn({
        let (agent, call) = (agent.clone(), call.clone());
        async move { agent.call("orders_bulk_update", call).await }
    });
    writing.arrived().await;
    process.signal(Signal::KILL);
    process.ended().await;
    work.abort();
    writing.release();
    assert_eq!(place.puts(), 3);

    let (_next, agent) = place.process().await;
    place.end_leases();
    call.as_object_mut().unwrap().remove("confirm_token");
    let changed = agent.call("orders_bulk_update", call.clone()).await.ok();
    let rows = changed["results"].as_array().unwrap();
    assert_eq!(rows.len() as u64, ORDERS, "{changed:#}");
    assert!(
        rows.iter()
            .all(|row| row["ok"] == true && row["change_id"].is_string()),
        "{changed:#}"
    );
    assert_eq!(place.puts() as u64, ORDERS, "each order was changed once");
    let again = agent.call("orders_bulk_update", call).await.ok();
    assert_eq!(again["results"], changed["results"]);
    assert_eq!(place.puts() as u64, ORDERS);

    // All of it is one call.
    let mut undo = json!({"change_id": rows[0]["change_id"], "whole_call": true, "dry_run": true});
    let shown = agent.call("orders_undo", undo.clone()).await.ok();
    assert_eq!(shown["results"].as_array().unwrap().len() as u64, ORDERS);
    undo["confirm_token"] = shown["confirm_token"].clone();
    undo.as_object_mut().unwrap().remove("dry_run");
    agent.call("orders_undo", undo).await.ok();
    for order in place.orders() {
        assert_eq!(place.order(order)["tag_name"], "");
    }
}
