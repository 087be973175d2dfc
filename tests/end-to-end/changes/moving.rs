//! A move of more orders than go together: parts of fifty, in one call that tells how far it is and survives a kill.

use std::collections::{BTreeMap, BTreeSet};

use end_to_end::Signal;
use orderdesk_simulator::Fault;
use serde_json::{Value, json};

use crate::place::Place;

const ORDERS: u64 = 120;

fn call(place: &Place) -> Value {
    json!({"order_id_list": place.orders(), "destination_folder_name": "Prepared", "idempotency_key": "K-1"})
}

/// How often each order was sent to be moved.
fn moves(place: &Place) -> BTreeMap<u64, usize> {
    let mut moves = BTreeMap::new();
    for request in place.simulator.requests() {
        if request.path == "/move-orders" {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            for id in body["order_id_list"].as_array().unwrap() {
                *moves.entry(id.as_u64().unwrap()).or_default() += 1;
            }
        }
    }
    moves
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_orders_is_moved_by_one_call_and_each_once() {
    let place = Place::in_short_steps(ORDERS).await;
    let (_process, agent) = place.server().await;
    place.register(&agent).await;
    let arguments = call(&place);
    let mut preview = arguments.clone();
    preview["dry_run"] = true.into();
    let shown = agent.call("orders_move", preview).await.ok();
    assert!(moves(&place).is_empty());
    let mut confirmed = arguments;
    confirmed["confirm_token"] = shown["confirm_token"].clone();
    let moved = agent.call("orders_move", confirmed).await.ok();
    assert_eq!(moved["diff"], shown["diff"]);
    let rows = moved["results"].as_array().unwrap();
    assert!(
        rows.len() as u64 == ORDERS && rows.iter().all(|row| row["ok"] == true),
        "{moved:#}"
    );
    let moves = moves(&place);
    assert_eq!(moves.len() as u64, ORDERS);
    assert!(moves.values().all(|times| *times == 1), "{moves:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_the_same_call_goes_on() {
    let place = Place::in_short_steps(ORDERS).await;
    let (process, agent) = place.process().await;
    place.register(&agent).await;
    let (fault, moving) = Fault::hold_after_commit();
    place
        .simulator
        .inject(fault.on("POST", "/move-orders").nth(2));
    let work = {
        let (agent, arguments) = (agent.clone(), call(&place));
        tokio::spawn(async move { agent.call("orders_move", arguments).await })
    };
    moving.arrived().await;
    process.signal(Signal::KILL);
    process.ended().await;
    work.abort();
    moving.release();
    place.end_leases();

    let (_process, agent) = place.process().await;
    let moved = agent.call("orders_move", call(&place)).await.ok();
    let rows = moved["results"].as_array().unwrap();
    assert!(
        rows.len() as u64 == ORDERS && rows.iter().all(|row| row["ok"] == true),
        "{moved:#}"
    );
    // The second part had arrived, so it was not sent again.
    let moves = moves(&place);
    assert!(moves.values().all(|times| *times == 1), "{moves:?}");
    let folders: BTreeSet<String> = place
        .orders()
        .into_iter()
        .map(|id| place.order(id)["folder_id"].to_string())
        .collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    // All of it is one call, which can be taken back as a whole.
    let undo = json!({"change_id": rows[0]["change_id"], "whole_call": true, "dry_run": true});
    let shown = agent.call("orders_undo", undo).await.ok();
    assert_eq!(shown["results"].as_array().unwrap().len() as u64, ORDERS);
}
