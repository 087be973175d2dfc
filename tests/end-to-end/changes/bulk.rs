//! Work on more orders than one step's time is enough for: one call does it, tells how far it is, stops when it is asked to,
//! and goes on where whatever happened interrupted it.

use std::collections::BTreeMap;

use end_to_end::{Agent, Signal};
use orderdesk_simulator::Fault;
use serde_json::{Value, json};

use crate::place::{BEFORE, Place};

const ORDERS: u64 = 210;

fn call() -> Value {
    json!({"filter": {"email": BEFORE}, "changes": {"tag_name": "x"}, "idempotency_key": "K-1"})
}

/// How often each order was written.
fn writes(place: &Place) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    for request in place.simulator.requests() {
        if request.method == "PUT" {
            *writes.entry(request.path.clone()).or_default() += 1;
        }
    }
    writes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_changes_more_orders_than_one_step_has_time_for_and_tells_how_far_it_is() {
    let place = Place::in_short_steps(ORDERS).await;
    let (_process, agent) = place.server().await;
    place.register(&agent).await;
    let Agent::Http(client) = &agent else {
        panic!("the server speaks HTTP");
    };
    let params = json!({
        "name": "orders_bulk_update", "arguments": call(), "_meta": {"progressToken": "how-far"},
    });
    let reply = client.request("tools/call", params).await;
    let messages: Vec<Value> = reply
        .text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect();
    let progress: Vec<f64> = messages
        .iter()
        .filter(|message| message["method"] == "notifications/progress")
        .map(|message| {
            assert_eq!(message["params"]["progressToken"], "how-far");
            message["params"]["progress"].as_f64().unwrap()
        })
        .collect();
    assert!(progress.len() > 10, "{progress:?}");
    assert!(progress.is_sorted(), "{progress:?}");
    let result = messages.last().unwrap();
    let changed = &result["result"]["structuredContent"];
    let rows = changed["results"].as_array().expect(&reply.text);
    assert_eq!(rows.len() as u64, ORDERS);
    let failed: Vec<&Value> = rows.iter().filter(|row| row["ok"] != true).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(
        writes(&place).values().all(|times| *times == 1),
        "an order was written twice"
    );
    assert_eq!(place.puts() as u64, ORDERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_interrupts_it_the_same_call_goes_on_and_no_order_is_done_twice() {
    let place = Place::in_short_steps(ORDERS).await;
    let start = |agent: &Agent| {
        let agent = agent.clone();
        tokio::spawn(async move { agent.call("orders_bulk_update", call()).await })
    };

    // The server is stopped: the call says how far it came, within the grace.
    let (process, agent) = place.server().await;
    place.register(&agent).await;
    let (fault, writing) = Fault::hold();
    place.simulator.inject(fault.on("PUT", "/orders/*").nth(40));
    let work = start(&agent);
    writing.arrived().await;
    process.signal(Signal::TERM);
    writing.release();
    let stopped = work.await.unwrap().ok();
    let done = stopped["results"].as_array().unwrap().len();
    assert!((39..200).contains(&done), "{done}");
    let warning = stopped["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("ended early") && warning.contains("idempotency_key"),
        "{warning}"
    );
    assert_eq!(process.ended().await.code(), Some(0));

    // It is killed.
    let (process, agent) = place.process().await;
    let (fault, writing) = Fault::hold_after_commit();
    place.simulator.inject(fault.on("PUT", "/orders/*").nth(30));
    let work = start(&agent);
    writing.arrived().await;
    process.signal(Signal::KILL);
    process.ended().await;
    work.abort();
    writing.release();
    place.end_leases();

    // Its caller gives up: what was done until then is in the journal.
    let (process, agent) = place.server().await;
    let (fault, writing) = Fault::hold();
    place.simulator.inject(fault.on("PUT", "/orders/*").nth(30));
    let work = start(&agent);
    writing.arrived().await;
    work.abort();
    drop(work.await);
    writing.release();
    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.code(), Some(0));
    let done = place.puts();
    assert!((done as u64) < ORDERS, "{done}");
    let (_process, agent) = place.process().await;
    assert_eq!(made(&agent).await, done);

    let changed = agent.call("orders_bulk_update", call()).await.ok();
    let rows = changed["results"].as_array().unwrap();
    assert_eq!(rows.len() as u64, ORDERS);
    assert!(
        rows.iter()
            .all(|row| row["ok"] == true && row["change_id"].is_string()),
        "{changed:#}"
    );
    let twice: Vec<_> = writes(&place)
        .into_iter()
        .filter(|(_, times)| *times != 1)
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
    for order in place.orders() {
        assert_eq!(place.order(order)["tag_name"], "x");
    }
    assert_eq!(made(&agent).await as u64, ORDERS);
}

/// Changes that the journal shows as made.
async fn made(agent: &Agent) -> usize {
    let mut arguments = json!({"limit": 50});
    let mut count = 0;
    loop {
        let page = agent.call("orders_changes", arguments.clone()).await.ok();
        let changes = page["changes"].as_array().unwrap().iter();
        count += changes.filter(|change| change["state"] == "made").count();
        match page["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => return count,
        }
    }
}
