//! What no source settles about Order Desk changes neither what a write does nor what it says. Generated over the
//! simulator's toggles and over all tools that write.

use std::collections::BTreeMap;

use orderdesk_simulator::Toggles;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::shops::Shops;

/// By tool and part: the orders before and after, and what was said.
type Run = BTreeMap<String, Value>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_toggle_may_have_either_setting_while_orders_are_changed() {
    let defaults = Toggles::default();
    let expected = run(defaults.clone()).await;
    let mut runs = JoinSet::new();
    for toggle in defaults.describe() {
        let mut toggles = defaults.clone();
        toggles.set(toggle.name, &toggle.other).unwrap();
        runs.spawn(async move { (toggle.name, run(toggles).await) });
    }
    let all = defaults.reversed();
    runs.spawn(async move { ("all toggles together", run(all).await) });
    while let Some(run) = runs.join_next().await {
        let (toggle, answered) = run.unwrap();
        for (part, expected) in &expected {
            assert_eq!(&answered[part], expected, "{part}, under {toggle}");
        }
    }
}

async fn run(toggles: Toggles) -> Run {
    let shops = Shops::open(100, toggles).await;
    let mut run = Run::new();
    for tool in shops.tools() {
        let shop = shops.next().await;
        let arguments = shop.arguments(&tool).await;
        let before = shop.state();
        let arguments = shop.confirmed(&tool, &arguments).await;
        let written = shop.calls(&tool, &arguments).await.ok();
        // An order that is there already, by its number, is not created again.
        let repeated = shop.calls(&tool, &arguments).await;
        let mut said = vec![("before", before), ("after", shop.state())];
        said.push(("repeated", repeated.structured["error"]["code"].clone()));
        for field in ["changed", "diff", "normalised", "warnings", "conflicts"] {
            said.push((field, undated(written[field].clone())));
        }
        for (part, said) in said {
            run.insert(format!("{tool}: {part}"), said);
        }
    }
    run
}

/// Without the dates of writing, which differ from run to run.
fn undated(mut said: Value) -> Value {
    match &mut said {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.starts_with("date_"));
            for field in fields.values_mut() {
                *field = undated(field.take());
            }
        }
        Value::Array(rows) => {
            for row in rows {
                *row = undated(row.take());
            }
        }
        _ => {}
    }
    said
}
