//! Whatever goes wrong at whichever request of whichever write: what is said of it is true, and a repetition does it once.
//! Generated over tools, requests and faults.

use std::sync::Arc;

use end_to_end::{ToolReply, rounds};
use orderdesk_simulator::{Fault, Toggles};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::shops::{Shop, Shops};

/// Trials at once: mostly they wait for answers that do not come.
const AT_ONCE: usize = 40;

type Named = (&'static str, fn() -> Fault);

const FAULTS: [Named; 8] = [
    ("a time-out after the commit", Fault::hang_after_commit),
    ("a 502 after the commit", || {
        Fault::status(502).after_commit()
    }),
    (
        "a connection dropped after the commit",
        Fault::disconnect_after_commit,
    ),
    ("a page of HTML after the commit", || {
        Fault::not_json().after_commit()
    }),
    ("a connection dropped at once", Fault::disconnect),
    ("a page of HTML", Fault::not_json),
    ("a 503", || Fault::status(503)),
    ("a storm of 429", || Fault::throttled(Some(1)).times(3)),
];

/// A tool and how it ends without a fault.
struct Write {
    tool: String,
    /// Requests that it sends.
    requests: usize,
    needs_consent: bool,
    wanted: Value,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_what_is_said_is_true_and_a_repetition_does_it_once() {
    let defaults = Toggles::default();
    // Each toggle has been on both settings then.
    let both = [defaults.clone(), defaults.reversed()];
    for toggles in both.into_iter().take(rounds(1, 2)) {
        every_fault(toggles).await;
    }
}

async fn every_fault(toggles: Toggles) {
    let shops = Shops::open(900, toggles).await;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut trials = JoinSet::new();
    for tool in shops.tools() {
        let write = Arc::new(without_a_fault(&shops, tool).await);
        for request in 1..=write.requests {
            for fault in FAULTS {
                let (shops, places, write) = (shops.clone(), places.clone(), write.clone());
                trials.spawn(async move {
                    let _place = places.acquire().await.unwrap();
                    trial(&shops, &write, request, fault).await
                });
            }
        }
    }
    let count = trials.len();
    let wrong: Vec<String> = trials.join_all().await.into_iter().flatten().collect();
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn without_a_fault(shops: &Arc<Shops>, tool: String) -> Write {
    let shop = shops.next().await;
    let arguments = shop.arguments(&tool).await;
    let before = shop.requests().len();
    let answer = shop.calls(&tool, &arguments).await;
    let needs_consent = answer.structured["error"]["code"] == "confirmation-needed";
    let (before, answer) = match needs_consent {
        false => (before, answer),
        true => {
            let arguments = shop.confirmed(&tool, &arguments).await;
            (shop.requests().len(), shop.calls(&tool, &arguments).await)
        }
    };
    assert!(!answer.is_error, "{tool}: {}", answer.text);
    Write {
        requests: shop.requests().len() - before,
        needs_consent,
        wanted: shop.state(),
        tool,
    }
}

/// What was wrong, in words.
async fn trial(shops: &Arc<Shops>, write: &Write, request: usize, fault: Named) -> Vec<String> {
    let shop = shops.next().await;
    let arguments = shop.arguments(&write.tool).await;
    let untouched = shop.state();
    let consenting = match write.needs_consent {
        true => shop.confirmed(&write.tool, &arguments).await,
        false => arguments.clone(),
    };
    let (name, fault) = fault;
    let handle = shop.inject(fault(), request);
    let answer = shop.calls(&write.tool, &consenting).await;
    handle.cancel();
    let what = format!("{}, {name} at request {request}", write.tool);
    let mut wrong = Vec::new();
    if handle.hits() == 0 {
        wrong.push(format!("{what}: the fault met nothing"));
    }
    if let Err(lie) = is_true(&answer, &shop, &shop.state(), &untouched, &write.wanted) {
        wrong.push(format!("{what}: {lie}: {}", answer.text));
    }

    let again = repeat(&shop, write, &arguments).await;
    let now = shop.state();
    if now != write.wanted {
        wrong.push(format!(
            "{what}: {}\nrepeated: {}\nleft {now}\ninstead of {}",
            answer.text, again.text, write.wanted
        ));
    }
    wrong
}

/// Holds what a tool said against what is there.
fn is_true(
    answer: &ToolReply,
    shop: &Shop,
    now: &Value,
    untouched: &Value,
    wanted: &Value,
) -> Result<(), &'static str> {
    if answer.is_error {
        return match answer.structured["error"]["outcome_unknown"] == true {
            true if now == untouched || now == wanted => Ok(()),
            true => Err("it is done half"),
            false if now == untouched => Ok(()),
            false => Err("it said that nothing was changed"),
        };
    }
    let rows = answer.structured["results"].as_array();
    let Some(rows) = rows.filter(|rows| rows.iter().any(|row| row["order_id"].is_string())) else {
        return match now == wanted {
            true => Ok(()),
            false => Err("it said that all was done"),
        };
    };
    for (at, order) in shop.orders().iter().enumerate() {
        let id = order.to_string();
        let row = rows.iter().find(|row| row["order_id"] == id.as_str());
        let row = row.ok_or("it says nothing of one of the orders")?;
        let unsure = row["error"].to_string().contains("Nobody knows");
        match row["ok"] == true {
            true if now[at] != wanted[at] => return Err("it said that an order was changed"),
            false if now[at] != untouched[at] && !unsure => {
                return Err("it said that an order was not changed");
            }
            _ => {}
        }
    }
    Ok(())
}

async fn repeat(shop: &Shop, write: &Write, arguments: &Value) -> ToolReply {
    if !write.needs_consent {
        return shop.calls(&write.tool, arguments).await;
    }
    let preview = shop.previews(&write.tool, arguments).await;
    match preview.structured["confirm_token"].clone() {
        // There is nothing left to do.
        Value::Null => preview,
        token => {
            let arguments = crate::shops::with(arguments, "confirm_token", token);
            shop.calls(&write.tool, &arguments).await
        }
    }
}
